// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LRU stack distances: of each touch, how many other pages were touched since the last of its page
 * (R. L. Mattson et al., "Evaluation techniques for storage hierarchies", 1970).
 *
 * Every moment has a bit, which is set while that is when some page was last touched. So the pages
 * touched since are bits to be counted: whole lines of them by a Fenwick tree, the rest by words.
 */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORD = 64, LINE = 256 };

struct moments {
	uint64_t *bits;
	uint32_t *tree; /* of the numbers of bits in the lines; the first line is tree[1] */
	size_t lines;
};

static uint64_t bit(size_t at)
{
	return (uint64_t)1 << at % WORD;
}

static uint32_t count(const uint64_t *from, const uint64_t *to)
{
	uint32_t n = 0;

	for (; from < to; from++)
		n += __builtin_popcountll(*from);
	return n;
}

/* The bits before a moment that are in its line. */
static uint32_t before_in_line(const struct moments *m, size_t at)
{
	const uint64_t *word = m->bits + at / WORD;

	return count(m->bits + at / LINE * (LINE / WORD), word) +
	       __builtin_popcountll(*word & (bit(at) - 1));
}

static uint32_t before(const struct moments *m, size_t at)
{
	uint32_t n = before_in_line(m, at);

	for (size_t i = at / LINE; i; i &= i - 1)
		n += m->tree[i];
	return n;
}

static void add(struct moments *m, size_t at, uint32_t n)
{
	for (size_t i = at / LINE + 1; i <= m->lines; i += i & -i)
		m->tree[i] += n;
}

/* Set a bit for each page; false where the places of two are one, or out of range. */
static bool start(struct moments *m, const uint32_t *places, size_t pages)
{
	for (size_t page = 0; page < pages; page++) {
		size_t at = places[page];

		if (at >= pages || m->bits[at / WORD] & bit(at))
			return false;
		m->bits[at / WORD] |= bit(at);
		m->tree[at / LINE + 1]++;
	}
	for (size_t i = 1; i <= m->lines; i++)
		if (i + (i & -i) <= m->lines)
			m->tree[i + (i & -i)] += m->tree[i];
	return true;
}

/* Move a page's bit to now, and say how many other pages have one after it. */
static uint32_t touch(struct moments *m, size_t at, size_t now, size_t pages)
{
	uint32_t others = pages - before(m, at) - 1;

	m->bits[at / WORD] &= ~bit(at);
	m->bits[now / WORD] |= bit(now);
	if (at / LINE != now / LINE) {
		add(m, at, -1);
		add(m, now, 1);
	}
	return others;
}

/* Turn moments into places. */
static void finish(struct moments *m, uint32_t *last, size_t pages)
{
	uint32_t so_far = 0;

	for (size_t line = 0; line < m->lines; line++) {
		const uint64_t *words = m->bits + line * (LINE / WORD);

		m->tree[line] = so_far;
		so_far += count(words, words + LINE / WORD);
	}
	for (size_t page = 0; page < pages; page++)
		last[page] = m->tree[last[page] / LINE] + before_in_line(m, last[page]);
}

static bool run(uint32_t *last, size_t pages, const uint32_t *touched, size_t touches,
		uint64_t *counts)
{
	struct moments m = { .lines = (pages + touches) / LINE + 1 };
	size_t now = pages;

	for (size_t i = 0; i < touches; i++) {
		if (touched[i] >= pages) {
			PyErr_Format(PyExc_ValueError, "no page %u", touched[i]);
			return false;
		}
	}
	m.bits = PyMem_Calloc(m.lines, LINE / 8);
	m.tree = PyMem_Calloc(m.lines + 1, sizeof *m.tree);
	bool done = m.bits && m.tree;
	if (!done) {
		PyErr_NoMemory();
	} else if (!start(&m, last, pages)) {
		PyErr_SetString(PyExc_ValueError, "the places of the pages are no order");
		done = false;
	} else {
		for (size_t i = 0; i < touches; i++) {
			uint32_t *at = &last[touched[i]];

			if (*at == now - 1) {
				counts[0]++; /* the same page once more */
			} else {
				counts[touch(&m, *at, now, pages)]++;
				*at = now++;
			}
		}
		finish(&m, last, pages);
	}
	PyMem_Free(m.bits);
	PyMem_Free(m.tree);
	return done;
}

PyObject *stack_distances(PyObject *Py_UNUSED(module), PyObject *args)
{
	Py_buffer places, touched, counts;
	PyObject *result = NULL;

	if (!PyArg_ParseTuple(args, "w*y*w*:stack_distances", &places, &touched, &counts))
		return NULL;

	size_t pages = places.len / sizeof(uint32_t), touches = touched.len / sizeof(uint32_t);
	if (places.len % sizeof(uint32_t) || touched.len % sizeof(uint32_t) ||
	    counts.len / sizeof(uint64_t) != pages || counts.len % sizeof(uint64_t))
		PyErr_SetString(PyExc_ValueError, "the numbers of pages differ");
	else if (pages + touches > UINT32_MAX)
		PyErr_SetString(PyExc_ValueError, "too many touches at once");
	else if (run(places.buf, pages, touched.buf, touches, counts.buf))
		result = Py_NewRef(Py_None);
	PyBuffer_Release(&places);
	PyBuffer_Release(&touched);
	PyBuffer_Release(&counts);
	return result;
}
