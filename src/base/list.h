/* list.h - intrusive doubly linked lists. */
#ifndef USHER_BASE_LIST_H
#define USHER_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

static inline void
list_init(struct list *head)
{
	head->prev = head->next = head;
}
static inline bool
list_is_empty(const struct list *head)
{
	return head->next == head;
}
static inline void
list_add_last(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
static inline void
list_add_first(struct list *head, struct list *node)
{
	list_add_last(head->next, node);
}
/* The node is left a list of its own, so removing twice does no harm. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
/* The first node, removed; NULL when there is none. */
static inline struct list *
list_take_first(struct list *head)
{
	struct list *node = head->next;
	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}
/* All nodes of one list behind the last one of another. */
static inline void
list_move_all(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define list_for_each(node, head)                                                                  \
	for (struct list *node = (head)->next; node != (head); node = node->next)
#define list_for_each_safe(node, head)                                                             \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head);          \
	     node = node##_next, node##_next = node->next)

#endif
