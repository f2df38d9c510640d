#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
	int value;
	struct list node;
};

static int
value_of(struct list *node)
{
	return container_of(node, struct item, node)->value;
}

static void
nodes_leave_in_the_order_in_which_they_came(void **state)
{
	struct item items[] = {{.value = 2}, {.value = 3}, {.value = 1}};
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_take_first(&head));
	list_add_last(&head, &items[0].node);
	list_add_last(&head, &items[1].node);
	list_add_first(&head, &items[2].node);
	for (int want = 1; want <= 3; want++)
		assert_int_equal(value_of(list_take_first(&head)), want);
	assert_null(list_take_first(&head));
}

static void
removing_twice_does_no_harm(void **state)
{
	struct item items[] = {{.value = 0}, {.value = 1}};
	struct list head;

	(void)state;
	list_init(&head);
	list_add_last(&head, &items[0].node);
	list_add_last(&head, &items[1].node);
	list_remove(&items[0].node);
	list_remove(&items[0].node);
	assert_int_equal(value_of(head.next), 1);
	assert_ptr_equal(head.next, head.prev);
	list_remove(&items[1].node);
	assert_true(list_is_empty(&head));
}

static void
nodes_may_be_removed_on_the_way(void **state)
{
	struct item items[5];
	struct list head;
	int seen = 0, left = 0;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		list_add_last(&head, &items[i].node);
	}
	list_for_each_safe (node, &head) {
		assert_int_equal(value_of(node), seen++);
		if (value_of(node) % 2 == 0)
			list_remove(node);
	}
	assert_int_equal(seen, 5);
	list_for_each (node, &head) {
		assert_int_equal(value_of(node) % 2, 1);
		left++;
	}
	assert_int_equal(left, 2);
}

static void
all_of_one_list_go_behind_another(void **state)
{
	struct item items[4];
	struct list to, from;

	(void)state;
	for (int i = 0; i < 4; i++)
		items[i].value = i;
	list_init(&to);
	list_init(&from);
	list_move_all(&to, &from);
	assert_true(list_is_empty(&to));
	list_add_last(&from, &items[0].node);
	list_move_all(&to, &from);
	list_add_last(&from, &items[1].node);
	list_add_last(&from, &items[2].node);
	list_move_all(&to, &from);
	assert_true(list_is_empty(&from));
	list_add_last(&to, &items[3].node);
	list_move_all(&to, &from);
	for (int want = 0; want < 4; want++)
		assert_int_equal(value_of(list_take_first(&to)), want);
	assert_true(list_is_empty(&to));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nodes_leave_in_the_order_in_which_they_came),
	    cmocka_unit_test(removing_twice_does_no_harm),
	    cmocka_unit_test(nodes_may_be_removed_on_the_way),
	    cmocka_unit_test(all_of_one_list_go_behind_another),
	};
	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
