/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of a fault rule, one after the other. Whatever is wrong with one is said once, in a
 * sentence that begins with the rule's place; every int is 0 or -ERR_INVALID.
 */
#ifndef ISCSIFS_TARGET_SCRIPT_LEX_H
#define ISCSIFS_TARGET_SCRIPT_LEX_H

#include "target/script.h"
#include "target/script_words.h"

enum {
	SCRIPT_WORDS_MAX = 160,
	SCRIPT_LUN_MAX = 16383,
};

/* The words of a rule, a comma being one of its own, and how far they are read. */
struct script_words {
	const char *place;
	struct err *e;
	char memory[2 * SCRIPT_LINE_MAX + 2];
	const char *word[SCRIPT_WORDS_MAX];
	unsigned count;
	unsigned at;
};

/* Returns -ERR_INVALID. */
int script_fail(const struct script_words *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Cut @line up, which ends at a word that begins with #. */
int script_split(struct script_words *w, const char *line);

/* The word at hand, "" behind the last one; the latter two pass it, script_take() if it is @word. */
const char *script_peek(const struct script_words *w);
const char *script_next(struct script_words *w);
bool script_take(struct script_words *w, const char *word);

/* @word must come; @where says where, for the sentence. */
int script_want(struct script_words *w, const char *word, const char *where);

/* @word in @table to *@out, which is 0 when it is not there. @what are the names of the table? */
int script_lookup(const struct script_words *w, const char *word, const char *what,
		  const struct script_word *table, uint32_t *out);

int script_number(const struct script_words *w, const char *word, const char *what, uint64_t min,
		  uint64_t max, uint64_t *out);

/* A time of a day at most. */
int script_span(const struct script_words *w, const char *word, const char *what, span_ms *out);

int script_name(const struct script_words *w, const char *word, const char *what,
		char out[SCRIPT_NAME_MAX + 1]);

/* All words, one blank between them and none before a comma, to @out, SCRIPT_LINE_MAX + 1 bytes. */
void script_join(const struct script_words *w, char *out);

#endif
