/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive doubly linked lists. A list head and a link are the same type; a link that is on no
 * list points at itself, so list_del() twice is harmless and list_empty(link) says "on no list".
 */
#ifndef ISCSIFS_LIST_H
#define ISCSIFS_LIST_H

#include "iscsifs/check.h"

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(l) { &(l), &(l) }

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline int list_empty(const struct list *l)
{
	return l->next == l;
}

/* Put @l, which is on no list, before @pos: with a head as @pos this appends. */
static inline void list_append(struct list *pos, struct list *l)
{
	l->prev = pos->prev;
	l->next = pos;
	pos->prev->next = l;
	pos->prev = l;
}

/* Put @l, which is on no list, after @pos: with a head as @pos this prepends. */
static inline void list_prepend(struct list *pos, struct list *l)
{
	list_append(pos->next, l);
}

static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/* Take @l off whatever list it is on and append it to @head. */
static inline void list_move(struct list *head, struct list *l)
{
	list_del(l);
	list_append(head, l);
}

#define list_first(head, type, member) \
	(list_empty(head) ? NULL : container_of((head)->next, type, member))

#define list_last(head, type, member) \
	(list_empty(head) ? NULL : container_of((head)->prev, type, member))

#define list_each(it, head, member) \
	for ((it) = container_of((head)->next, __typeof__(*(it)), member); \
	     &(it)->member != (head); \
	     (it) = container_of((it)->member.next, __typeof__(*(it)), member))

/* As list_each(), and the body may take @it off the list (but not @tmp). */
#define list_each_safe(it, tmp, head, member) \
	for ((it) = container_of((head)->next, __typeof__(*(it)), member), \
	     (tmp) = container_of((it)->member.next, __typeof__(*(it)), member); \
	     &(it)->member != (head); \
	     (it) = (tmp), (tmp) = container_of((it)->member.next, __typeof__(*(it)), member))

#endif
