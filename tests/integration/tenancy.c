#include "tests/integration/tenancy.h"

#include <assert.h>
#include <jansson.h>
#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIASES_MAX 128
#define FACTS_MAX 512
#define PARAMS_MAX 65

struct alias {
	const char *name;
	const char *table; /* of the schema usher; NULL: a CTE, a subselect, a function */
	int level;
	bool is_held;
};

/* target is held if source is; source NULL: outright. */
struct fact {
	struct alias *target, *source;
};

/* Where a value comes from: the parameter org_id, an alias' org_id, or neither. */
struct origin {
	bool is_param;
	struct alias *alias;
};

struct cte {
	const char *name;
	struct origin org_id;
};

struct check {
	const struct stmt *stmt;
	const struct tenancy_tables *tables;
	struct strbuf *faults;
	bool is_used[PARAMS_MAX];
	struct alias aliases[ALIASES_MAX]; /* visible are those from the innermost level outwards */
	bool is_visible[ALIASES_MAX];
	size_t aliases_count;
	struct fact facts[FACTS_MAX];
	size_t facts_count;
	struct cte ctes[ALIASES_MAX];
	size_t ctes_count;
	int level;
};

static struct origin read_query(struct check *check, json_t *node);
static void visit(struct check *check, json_t *node);

static void
fault(struct check *check, const char *what, const char *about)
{
	strbuf_add_format(
	    check->faults, "src/store/sql/%s.sql: %s %s\n", check->stmt->name, about, what);
}

static const char *
text_of(json_t *node, const char *key)
{
	const char *text = json_string_value(json_object_get(node, key));

	return text ? text : "";
}

static const char *
string_at(json_t *list, size_t i)
{
	return text_of(json_object_get(json_array_get(list, i), "String"), "sval");
}

/* ---- names */

static const char *
org_column(const char *table)
{
	return table && strcmp(table, "orgs") == 0 ? "id" : "org_id";
}

static bool
has_org_id(const struct check *check, const struct alias *alias)
{
	if (!alias->table)
		return true;
	for (size_t i = 0; i < check->tables->count; i++) {
		if (strcmp(check->tables->items[i].name, alias->table) == 0)
			return check->tables->items[i].has_org_id;
	}
	return false;
}

static bool
is_tenants(const struct check *check, const struct alias *alias)
{
	for (size_t i = 0; alias->table && i < check->tables->count; i++) {
		if (strcmp(check->tables->items[i].name, alias->table) == 0)
			return check->tables->items[i].is_tenants ||
			       strcmp(alias->table, "orgs") == 0;
	}
	return false;
}

static struct alias *
add_alias(struct check *check, const char *name, const char *table)
{
	struct alias *alias = &check->aliases[check->aliases_count];

	assert(check->aliases_count < ALIASES_MAX);
	check->is_visible[check->aliases_count++] = true;
	*alias = (struct alias){.name = name, .table = table, .level = check->level};
	return alias;
}

/* From the innermost level outwards: the last one added that is still visible. */
static struct alias *
find_alias(struct check *check, const char *name)
{
	for (size_t i = check->aliases_count; i-- > 0;) {
		if (check->is_visible[i] && strcmp(check->aliases[i].name, name) == 0)
			return &check->aliases[i];
	}
	return NULL;
}

/* Whose a bare "org_id" is, if that is plain. */
static struct alias *
find_bare(struct check *check)
{
	struct alias *found = NULL;

	for (int level = check->level; level > 0 && !found; level--) {
		for (size_t i = 0; i < check->aliases_count; i++) {
			struct alias *alias = &check->aliases[i];

			if (!check->is_visible[i] || alias->level != level ||
			    !has_org_id(check, alias))
				continue;
			if (found)
				return NULL;
			found = alias;
		}
	}
	return found;
}

/* ---- values and conditions */

static struct origin
origin_of(struct check *check, json_t *node)
{
	struct origin none = {0};
	json_t *inner;

	while ((inner = json_object_get(node, "TypeCast")))
		node = json_object_get(inner, "arg");
	if ((inner = json_object_get(node, "ParamRef"))) {
		size_t number = (size_t)json_integer_value(json_object_get(inner, "number"));

		if (number == 0 || number > check->stmt->params_count)
			return none;
		return (struct origin){
		    .is_param = strcmp(check->stmt->params[number - 1].name, "org_id") == 0};
	}
	if ((inner = json_object_get(node, "ColumnRef"))) {
		json_t *fields = json_object_get(inner, "fields");
		struct alias *alias;

		if (json_array_size(fields) == 1 && strcmp(string_at(fields, 0), "org_id") == 0)
			return (struct origin){.alias = find_bare(check)};
		if (json_array_size(fields) != 2)
			return none;
		alias = find_alias(check, string_at(fields, 0));
		if (alias && strcmp(string_at(fields, 1), org_column(alias->table)) == 0)
			return (struct origin){.alias = alias};
	}
	return none;
}

static void
add_fact(struct check *check, struct alias *target, struct origin source)
{
	if (!source.is_param && !source.alias)
		return;
	assert(check->facts_count < FACTS_MAX);
	check->facts[check->facts_count++] =
	    (struct fact){target, source.is_param ? NULL : source.alias};
}

/* A condition that must be true for the aliases from first up to end: those are what it holds. */
static void
read_condition(struct check *check, json_t *node, size_t first, size_t end)
{
	json_t *inner = json_object_get(node, "BoolExpr");
	struct origin sides[2];

	if (inner && strcmp(text_of(inner, "boolop"), "AND_EXPR") == 0) {
		size_t i;
		json_t *argument;

		json_array_foreach(json_object_get(inner, "args"), i, argument)
		    read_condition(check, argument, first, end);
		return;
	}
	inner = json_object_get(node, "A_Expr");
	if (!inner || strcmp(text_of(inner, "kind"), "AEXPR_OP") != 0 ||
	    strcmp(string_at(json_object_get(inner, "name"), 0), "=") != 0)
		return;
	sides[0] = origin_of(check, json_object_get(inner, "lexpr"));
	sides[1] = origin_of(check, json_object_get(inner, "rexpr"));
	for (int i = 0; i < 2; i++) {
		struct alias *target = sides[i].alias;

		if (target && target >= &check->aliases[first] && target < &check->aliases[end])
			add_fact(check, target, sides[1 - i]);
	}
}

/* ---- FROM */

static const char *
alias_name(json_t *node, const char *otherwise)
{
	const char *name = text_of(json_object_get(node, "alias"), "aliasname");

	return name[0] ? name : otherwise;
}

static struct alias *
read_table(struct check *check, json_t *node)
{
	const char *name = text_of(node, "relname");

	if (!json_object_get(node, "schemaname")) {
		for (size_t i = check->ctes_count; i-- > 0;) {
			struct alias *alias;

			if (strcmp(check->ctes[i].name, name) != 0)
				continue;
			alias = add_alias(check, alias_name(node, name), NULL);
			add_fact(check, alias, check->ctes[i].org_id);
			return alias;
		}
		/* pg_catalog is on every path, and before all others. */
		if (strncmp(name, "pg_", 3) == 0)
			return add_alias(check, alias_name(node, name), NULL);
		fault(check, "is named without its schema", name);
	}
	return add_alias(check, alias_name(node, name), name);
}

static void read_from_item(struct check *check, json_t *node);

static void
read_join(struct check *check, json_t *join)
{
	const char *type = text_of(join, "jointype");
	size_t left = check->aliases_count, right, end, first;

	read_from_item(check, json_object_get(join, "larg"));
	right = check->aliases_count;
	read_from_item(check, json_object_get(join, "rarg"));
	end = check->aliases_count;
	first = left;
	/* What an outer join keeps, its condition doesn't hold. */
	if (strcmp(type, "JOIN_LEFT") == 0)
		first = right;
	else if (strcmp(type, "JOIN_RIGHT") == 0)
		end = right;
	else if (strcmp(type, "JOIN_INNER") != 0)
		end = first;
	read_condition(check, json_object_get(join, "quals"), first, end);
	visit(check, json_object_get(join, "quals"));
}

static void
read_from_item(struct check *check, json_t *node)
{
	json_t *inner;

	if ((inner = json_object_get(node, "RangeVar"))) {
		read_table(check, inner);
	} else if ((inner = json_object_get(node, "JoinExpr"))) {
		read_join(check, inner);
	} else if ((inner = json_object_get(node, "RangeSubselect"))) {
		struct origin org_id = read_query(check, json_object_get(inner, "subquery"));

		add_fact(check, add_alias(check, alias_name(inner, ""), NULL), org_id);
	} else {
		inner = json_object_get(node, "RangeFunction");
		visit(check, inner);
		add_alias(check, alias_name(inner, ""), NULL);
	}
}

/* ---- queries */

static void
read_ctes(struct check *check, json_t *query)
{
	json_t *list = json_object_get(json_object_get(query, "withClause"), "ctes"), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *cte = json_object_get(item, "CommonTableExpr");
		struct origin org_id = read_query(check, json_object_get(cte, "ctequery"));

		assert(check->ctes_count < ALIASES_MAX);
		check->ctes[check->ctes_count++] = (struct cte){text_of(cte, "ctename"), org_id};
	}
}

/* Where the column "org_id" of a list of results comes from. */
static struct origin
read_output(struct check *check, json_t *list)
{
	struct origin org_id = {0};
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *target = json_object_get(item, "ResTarget");
		json_t *value = json_object_get(target, "val");
		json_t *fields = json_object_get(json_object_get(value, "ColumnRef"), "fields");
		const char *name = text_of(target, "name");

		if (!name[0] && json_array_size(fields) > 0)
			name = string_at(fields, json_array_size(fields) - 1);
		if (strcmp(name, "org_id") == 0)
			org_id = origin_of(check, value);
	}
	visit(check, list);
	return org_id;
}

static void
read_from(struct check *check, json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) read_from_item(check, item);
}

static void
read_where(struct check *check, json_t *query, size_t first)
{
	json_t *where = json_object_get(query, "whereClause");

	read_condition(check, where, first, check->aliases_count);
	visit(check, where);
}

static struct origin
read_select(struct check *check, json_t *select, size_t first)
{
	static const char *const others[] = {"distinctClause", "groupClause", "havingClause",
	    "windowClause", "sortClause", "limitCount", "limitOffset", "valuesLists"};
	struct origin org_id;

	if (json_object_get(select, "larg")) {
		/* Of a union nothing is taken for granted but what each side says itself. */
		for (int i = 0; i < 2; i++) {
			json_t *side = json_pack(
			    "{s:O}", "SelectStmt", json_object_get(select, i ? "rarg" : "larg"));

			read_query(check, side);
			json_decref(side);
		}
		return (struct origin){0};
	}
	read_from(check, json_object_get(select, "fromClause"));
	read_where(check, select, first);
	org_id = read_output(check, json_object_get(select, "targetList"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		visit(check, json_object_get(select, others[i]));
	return org_id;
}

static struct origin
read_change(struct check *check, json_t *change, const char *from, size_t first)
{
	json_t *item;
	size_t i;

	read_table(check, json_object_get(change, "relation"));
	read_from(check, json_object_get(change, from));
	read_where(check, change, first);
	json_array_foreach(json_object_get(change, "targetList"), i, item)
	{
		if (strcmp(text_of(json_object_get(item, "ResTarget"), "name"), "org_id") == 0)
			fault(
			    check, "is moved to another organisation", check->aliases[first].name);
	}
	visit(check, json_object_get(change, "targetList"));
	return read_output(check, json_object_get(change, "returningList"));
}

/* Does the list have an entry {kind: {"name": name}}? Its index, or -1. */
static int
find_named(json_t *list, const char *kind, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (strcmp(text_of(json_object_get(item, kind), "name"), name) == 0)
			return (int)i;
	}
	return -1;
}

/* What is inserted into the column: held only if it is in every row. */
static void
read_inserted(struct check *check, struct alias *target, json_t *select, int column)
{
	json_t *rows = json_object_get(select, "valuesLists"), *row;
	struct origin worst = {.is_param = true};
	size_t i;

	json_array_foreach(rows, i, row)
	{
		json_t *items = json_object_get(json_object_get(row, "List"), "items");
		struct origin one = origin_of(check, json_array_get(items, (size_t)column));

		if (!one.is_param)
			worst = one;
	}
	if (json_array_size(rows) > 0)
		add_fact(check, target, worst);
}

static struct origin
read_insert(struct check *check, json_t *insert)
{
	json_t *columns = json_object_get(insert, "cols");
	json_t *select = json_object_get(json_object_get(insert, "selectStmt"), "SelectStmt");
	json_t *conflict = json_object_get(insert, "onConflictClause");
	json_t *elements = json_object_get(json_object_get(conflict, "infer"), "indexElems");
	struct alias *target = read_table(check, json_object_get(insert, "relation"));
	int column = find_named(columns, "ResTarget", org_column(target->table));
	json_t *values = json_object_get(select, "targetList");
	size_t first = check->aliases_count;

	check->level++;
	read_ctes(check, select);
	read_select(check, select, first);
	if (column >= 0 && json_array_size(values) > (size_t)column) {
		json_t *value =
		    json_object_get(json_array_get(values, (size_t)column), "ResTarget");

		add_fact(check, target, origin_of(check, json_object_get(value, "val")));
	} else if (column >= 0) {
		read_inserted(check, target, select, column);
	}
	for (size_t i = first; i < check->aliases_count; i++)
		check->is_visible[i] = false;
	check->level--;
	/* A conflict on something else may be with another organisation's row. */
	if (strcmp(text_of(conflict, "action"), "ONCONFLICT_UPDATE") == 0 &&
	    is_tenants(check, target) && check->stmt->scope == STMT_SCOPE_ORG &&
	    find_named(elements, "IndexElem", org_column(target->table)) < 0)
		fault(check, "may be updated in another organisation", target->name);
	visit(check, conflict);
	return read_output(check, json_object_get(insert, "returningList"));
}

/* One level: {"SelectStmt": ...} and its like. What it adds is invisible behind it. */
static struct origin
read_query(struct check *check, json_t *node)
{
	size_t first, ctes = check->ctes_count;
	struct origin org_id = {0};
	json_t *query;

	check->level++;
	query = json_object_iter_value(json_object_iter(node));
	read_ctes(check, query);
	first = check->aliases_count;
	if (json_object_get(node, "SelectStmt"))
		org_id = read_select(check, query, first);
	else if (json_object_get(node, "InsertStmt"))
		org_id = read_insert(check, query);
	else if (json_object_get(node, "UpdateStmt"))
		org_id = read_change(check, query, "fromClause", first);
	else if (json_object_get(node, "DeleteStmt"))
		org_id = read_change(check, query, "usingClause", first);
	else
		fault(check, "is no statement that we know",
		    json_object_iter_key(json_object_iter(node)));
	for (size_t i = first; i < check->aliases_count; i++)
		check->is_visible[i] = false;
	check->ctes_count = ctes;
	check->level--;
	return org_id;
}

/* Everything else: parameters, and queries inside expressions. */
static void
visit(struct check *check, json_t *node)
{
	json_t *inner, *item;
	const char *key;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach(node, i, item) visit(check, item);
		return;
	}
	if (!json_is_object(node))
		return;
	if ((inner = json_object_get(node, "ParamRef"))) {
		i = (size_t)json_integer_value(json_object_get(inner, "number"));
		if (i < PARAMS_MAX)
			check->is_used[i] = true;
	}
	if (json_object_get(node, "SelectStmt")) {
		read_query(check, node);
		return;
	}
	json_object_foreach(node, key, item) visit(check, item);
}

/* ---- the verdict */

static void
hold(struct check *check)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < check->facts_count; i++) {
			struct fact *fact = &check->facts[i];

			if (fact->target->is_held || (fact->source && !fact->source->is_held))
				continue;
			fact->target->is_held = again = true;
		}
	}
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
list_tables(const struct check *check, struct strbuf *touched)
{
	const char *names[ALIASES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < check->aliases_count; i++) {
		if (check->aliases[i].table)
			names[count++] = check->aliases[i].table;
	}
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			strbuf_add_format(touched, "%s%s", touched->bytes ? " " : "", names[i]);
	}
}

static void
judge(struct check *check)
{
	for (size_t i = 0; i < check->stmt->params_count; i++) {
		if (!check->is_used[i + 1])
			fault(check, "is declared and not used", check->stmt->params[i].name);
	}
	if (check->stmt->scope != STMT_SCOPE_ORG)
		return;
	hold(check);
	for (size_t i = 0; i < check->aliases_count; i++) {
		const struct alias *alias = &check->aliases[i];

		if (is_tenants(check, alias) && !alias->is_held)
			fault(check, "is not held to org_id", alias->name);
	}
}

void
tenancy_check(const struct stmt *stmt, const struct tenancy_tables *tables, struct strbuf *faults,
    struct strbuf *touched)
{
	struct check *check = calloc(1, sizeof(*check));
	PgQueryParseResult parsed = pg_query_parse(stmt->text);
	json_t *tree, *list;

	assert(check);
	check->stmt = stmt;
	check->tables = tables;
	check->faults = faults;
	tree = parsed.error ? NULL : json_loads(parsed.parse_tree, 0, NULL);
	list = json_object_get(tree, "stmts");
	if (json_array_size(list) == 1) {
		read_query(check, json_object_get(json_array_get(list, 0), "stmt"));
		list_tables(check, touched);
		judge(check);
	} else {
		fault(check, "one statement, and it parses: not so", "");
	}
	json_decref(tree);
	pg_query_free_parse_result(parsed);
	free(check);
}
