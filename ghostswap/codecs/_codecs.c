// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's lz4, lzo and lzo-rle for one 4096-byte page, exact to the byte, as a Python module.
 *
 * The compressors follow a prose description of what Linux 6.12 emits (S, N, M, E, X, T, D, ip, ii
 * and cand are its names). Each parse is written once and built twice: with an output it compresses,
 * without one it only counts, which is what measuring memory asks for. There is no bound on the
 * output: a page is refused by the kernel's bounded compressors if and only if its whole length is
 * above the bound, so the caller compares lengths.
 *
 * Pages may be memory that others are writing to. No index below is derived from the content of a
 * page without being bounded by positions alone, so such a page gives a wrong length at worst.
 */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the hashes, and so the lengths, are those of little-endian kernels"
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { N = 4096 };            /* the page */
enum { HASH_LOG = 13 };       /* both tables: 8192 positions, zero meaning position 0 */
enum { OUTPUT_MAX = 2 * N };  /* what zram offers; lzo's worst case is below 4500 */

typedef uint16_t table[1 << HASH_LOG];

ALWAYS_INLINE uint32_t r32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

ALWAYS_INLINE uint64_t r64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Equal leading bytes of two 8-byte groups that differ, from their exclusive or. */
ALWAYS_INLINE unsigned equal_bytes(uint64_t difference)
{
	return __builtin_ctzll(difference) >> 3;
}

/* What was emitted: O bytes, also written to out unless it is NULL. */
struct sink {
	uint8_t *out;
	size_t O;
	size_t state; /* lzo: where the byte is that takes the count of 1-3 literals */
};

ALWAYS_INLINE void put(struct sink *to, uint8_t byte)
{
	to->out[to->O++] = byte;
}

ALWAYS_INLINE void put_bytes(struct sink *to, const uint8_t *from, size_t n)
{
	memcpy(to->out + to->O, from, n);
	to->O += n;
}

/* ---- lz4 ------------------------------------------------------------------------------------ */

enum { M = N - 12 }; /* the last position a search may look ahead to */
enum { E = N - 5 };  /* matches end here */

ALWAYS_INLINE uint32_t h(const uint8_t *p)
{
	return r32(p) * 2654435761u >> (32 - HASH_LOG);
}

/* Extra length bytes of x, whose first 15 are in the token: 1 + (x - 15)/255 from 15 on. */
ALWAYS_INLINE size_t ext(size_t x)
{
	return (x + 240) / 255;
}

ALWAYS_INLINE void put_ext(struct sink *to, size_t x)
{
	if (x < 15)
		return;
	for (x -= 15; x >= 255; x -= 255)
		put(to, 255);
	put(to, x);
}

/* L literals, then a match of 4 + m bytes at a distance. */
ALWAYS_INLINE void lz4_sequence(struct sink *to, const uint8_t *literals, size_t L, size_t distance,
				size_t m)
{
	if (!to->out) {
		to->O += 3 + L + ext(L) + ext(m);
		return;
	}
	put(to, (L < 15 ? L : 15) << 4 | (m < 15 ? m : 15));
	put_ext(to, L);
	put_bytes(to, literals, L);
	put(to, distance & 255);
	put(to, distance >> 8);
	put_ext(to, m);
}

ALWAYS_INLINE void lz4_last_literals(struct sink *to, const uint8_t *literals, size_t R)
{
	if (!to->out) {
		to->O += 1 + R + ext(R);
		return;
	}
	put(to, (R < 15 ? R : 15) << 4);
	put_ext(to, R);
	put_bytes(to, literals, R);
}

/* Step 2: look from *ip on for four bytes seen before, faster the longer it takes. */
ALWAYS_INLINE bool lz4_search(const uint8_t *S, table T, size_t *ip, size_t *cand)
{
	size_t f = *ip;
	uint32_t hash = h(S + f);

	for (size_t step = 1, k = 64;; step = k++ >> 6) {
		size_t cur = f;
		uint32_t hash_cur = hash;

		f += step;
		/* liblz4 since 1.8.3 goes on to M + 1; the kernel does not. */
		if (f > M)
			return false;
		/* Hashing the next position before testing this one hides its latency. */
		hash = h(S + f);
		size_t c = T[hash_cur];
		T[hash_cur] = cur;
		if (r32(S + c) == r32(S + cur)) {
			*ip = cur;
			*cand = c;
			return true;
		}
	}
}

/* Step 5: equal bytes going forward from a and b, a ending at E. */
ALWAYS_INLINE size_t lz4_match(const uint8_t *S, size_t a, size_t b)
{
	size_t start = a;

	for (; a + 8 <= E; a += 8, b += 8) {
		uint64_t difference = r64(S + a) ^ r64(S + b);
		if (difference)
			return a - start + equal_bytes(difference);
	}
	while (a < E && S[a] == S[b])
		a++, b++;
	return a - start;
}

ALWAYS_INLINE size_t lz4_parse(const uint8_t *S, uint8_t *out)
{
	struct sink to = { .out = out };
	table T;
	size_t anchor = 0, ip = 1, cand;

	memset(T, 0, sizeof T); /* which also puts position 0 */
	bool found = lz4_search(S, T, &ip, &cand);
	while (found) {
		while (ip > anchor && cand > 0 && S[ip - 1] == S[cand - 1])
			ip--, cand--;
		size_t m = lz4_match(S, ip + 4, cand + 4);
		lz4_sequence(&to, S + anchor, ip - anchor, ip - cand, m);
		anchor = ip += 4 + m;
		if (ip > M)
			break;
		/* Step 7: another match may follow at once, with no literals and nothing to extend back. */
		T[h(S + ip - 2)] = ip - 2;
		uint32_t hash = h(S + ip);
		cand = T[hash];
		T[hash] = ip;
		found = r32(S + cand) == r32(S + ip) || (ip++, lz4_search(S, T, &ip, &cand));
	}
	lz4_last_literals(&to, S + anchor, N - anchor);
	return to.O;
}

/* ---- lzo and lzo-rle ------------------------------------------------------------------------ */

enum { X = N - 20 };         /* no match starts here or later */
enum { ZERO_RUN_MAX = 2051 };

ALWAYS_INLINE uint32_t g(uint32_t v)
{
	return v * 0x1824429du >> (32 - HASH_LOG);
}

/* A length above what the instruction holds: zero bytes for 255 each, then the rest, 1 to 255. */
ALWAYS_INLINE void put_var(struct sink *to, size_t x)
{
	for (; x > 255; x -= 255)
		put(to, 0);
	put(to, x);
}

ALWAYS_INLINE void lzo_literals(struct sink *to, const uint8_t *literals, size_t t)
{
	if (!to->out) {
		to->O += t + (t > 3) + (t + 236) / 255;
		return;
	}
	if (t == 0)
		return;
	if (t <= 3) {
		to->out[to->state] |= t;
	} else if (t <= 18) {
		put(to, t - 3);
	} else {
		put(to, 0);
		put_var(to, t - 18);
	}
	put_bytes(to, literals, t);
}

/* Matches are 4 or longer and never further than M3's 16384. */
ALWAYS_INLINE void lzo_match(struct sink *to, size_t len, size_t d)
{
	bool m2 = len <= 8 && d <= 2048;

	if (!to->out) {
		to->O += 3 + (len + 221) / 255 - m2;
		return;
	}
	if (m2) {
		put(to, (len - 1) << 5 | ((d - 1) & 7) << 2);
		put(to, (d - 1) >> 3);
	} else {
		put(to, len <= 33 ? 32 | (len - 2) : 32);
		if (len > 33)
			put_var(to, len - 33);
		put(to, ((d - 1) << 2) & 255);
		put(to, (d - 1) >> 6);
	}
	to->state = to->O - 2;
}

ALWAYS_INLINE void lzo_zero_run(struct sink *to, size_t z)
{
	if (!to->out) {
		to->O += 4;
		return;
	}
	put(to, 0x18 | ((z - 4) & 7));
	put(to, 0xfc);
	put(to, 0xff);
	put(to, (z - 4) >> 3);
	to->state = to->O - 3;
}

/*
 * Step 5, whose length is not the exact one: past X it stops at the end of an 8-byte group, though
 * more bytes may be equal.
 */
ALWAYS_INLINE size_t lzo_match_length(const uint8_t *S, size_t ip, size_t c)
{
	size_t len = 4;

	do {
		uint64_t difference = r64(S + ip + len) ^ r64(S + c + len);
		if (difference)
			return len + equal_bytes(difference);
		len += 8;
	} while (ip + len < X);
	return len;
}

/* Zero bytes from ip on, of which four are known, looking only below X. */
ALWAYS_INLINE size_t lzo_zero_run_length(const uint8_t *S, size_t ip)
{
	size_t end = ip + ZERO_RUN_MAX < X ? ip + ZERO_RUN_MAX : X;
	size_t at = ip + 4;

	for (; at + 8 <= end; at += 8) {
		uint64_t group = r64(S + at);
		if (group)
			return at - ip + equal_bytes(group);
	}
	while (at < end && S[at] == 0)
		at++;
	return at - ip;
}

ALWAYS_INLINE size_t lzo_parse(const uint8_t *S, uint8_t *out, bool rle)
{
	struct sink to = { .out = out };
	table D;
	size_t ii = 0, ip = 5;

	memset(D, 0, sizeof D);
	if (rle) {
		if (out)
			memcpy(out, "\x11\x01", 2); /* bitstream version 1 */
		to.O = 2;
	}
	while (ip < X) {
		uint32_t v = r32(S + ip);
		size_t len;

		if (rle && v == 0) {
			len = lzo_zero_run_length(S, ip);
			lzo_literals(&to, S + ii, ip - ii);
			lzo_zero_run(&to, len);
		} else {
			uint32_t hash = g(v);
			size_t c = D[hash];
			D[hash] = ip;
			if (r32(S + c) != v) {
				ip += 1 + ((ip - ii) >> 5);
				continue;
			}
			len = lzo_match_length(S, ip, c);
			lzo_literals(&to, S + ii, ip - ii);
			lzo_match(&to, len, ip - c);
		}
		ii = ip += len;
	}
	lzo_literals(&to, S + ii, N - ii);
	if (out)
		memcpy(out + to.O, "\x11\x00\x00", 3); /* end of stream */
	return to.O + 3;
}

/* ---- decompression: any bytes in, one page or a refusal out --------------------------------- */

struct stream {
	const uint8_t *in, *end;
	uint8_t *page;
	size_t O;   /* bytes of the page that are there */
	bool bad;   /* something asked for more than there is; from then on only zeros are read */
};

static uint32_t get(struct stream *s)
{
	if (s->in == s->end) {
		s->bad = true;
		return 0;
	}
	return *s->in++;
}

static uint32_t get16(struct stream *s)
{
	uint32_t low = get(s);
	return low | get(s) << 8;
}

static void copy_literals(struct stream *s, size_t n)
{
	if (s->bad || n > (size_t)(s->end - s->in) || n > N - s->O) {
		s->bad = true;
		return;
	}
	memcpy(s->page + s->O, s->in, n);
	s->in += n;
	s->O += n;
}

/* Byte by byte: a match may overlap what it makes. */
static void copy_match(struct stream *s, size_t distance, size_t n)
{
	if (distance == 0 || distance > s->O || n > N - s->O) {
		s->bad = true;
		return;
	}
	for (uint8_t *to = s->page + s->O, *end = to + n; to < end; to++)
		*to = to[-(ptrdiff_t)distance];
	s->O += n;
}

static void put_zeros(struct stream *s, size_t n)
{
	if (n > N - s->O) {
		s->bad = true;
		return;
	}
	memset(s->page + s->O, 0, n);
	s->O += n;
}

/* A nibble of the token and, from 15 on, bytes to add up to and including one that is not 255. */
static size_t lz4_length(struct stream *s, size_t nibble)
{
	size_t length = nibble;
	uint32_t byte = 255;

	if (nibble == 15)
		while (byte == 255)
			length += byte = get(s);
	return length;
}

static void lz4_decode(struct stream *s)
{
	while (!s->bad) {
		uint32_t token = get(s);
		copy_literals(s, lz4_length(s, token >> 4));
		if (s->in == s->end)
			return;
		size_t distance = get16(s);
		copy_match(s, distance, 4 + lz4_length(s, token & 15));
	}
}

static size_t lzo_var(struct stream *s, size_t base)
{
	uint32_t byte;

	while ((byte = get(s)) == 0 && !s->bad)
		base += 255;
	return base + byte;
}

/* A run of zeros, which only version 1 knows: it looks like a match at the greatest distance. */
static bool lzo_is_zero_run(const struct stream *s, uint32_t version, uint32_t b)
{
	return version > 0 && (b & 0xf8) == 0x18 && s->end - s->in >= 2 &&
	       (s->in[0] & 0xfc) == 0xfc && s->in[1] == 0xff;
}

/*
 * One instruction after another up to the end marker. state is how many literals the one before
 * ended with, or 4 if it was a run of literals; those 0-3 literals are the low bits of w.
 */
static void lzo_instructions(struct stream *s, uint32_t version, size_t state)
{
	while (!s->bad) {
		uint32_t b = get(s), w = b;

		if (b >= 64) {
			copy_match(s, (b >> 2 & 7) + 8 * get(s) + 1, (b >> 5) + 1);
		} else if (b >= 32) {
			size_t len = 2 + (b & 31 ? b & 31 : lzo_var(s, 31));
			w = get16(s);
			copy_match(s, (w >> 2) + 1, len);
		} else if (lzo_is_zero_run(s, version, b)) {
			w = get16(s);
			put_zeros(s, ((b & 7) | get(s) << 3) + 4);
		} else if (b >= 16) {
			size_t len = 2 + (b & 7 ? b & 7 : lzo_var(s, 7));
			w = get16(s);
			size_t distance = (b & 8) << 11 | w >> 2;
			if (distance == 0) {
				s->bad |= len != 3 || s->in != s->end;
				return;
			}
			copy_match(s, distance + 16384, len);
		} else if (state == 0) {
			copy_literals(s, 3 + (b ? b : lzo_var(s, 15)));
			state = 4;
			continue;
		} else if (state == 4) {
			copy_match(s, (b >> 2) + 4 * get(s) + 2049, 3);
		} else {
			copy_match(s, (b >> 2) + 4 * get(s) + 1, 2);
		}
		state = w & 3;
		copy_literals(s, state);
	}
}

static void lzo_decode(struct stream *s)
{
	uint32_t version = 0;
	size_t state = 0;

	if (s->end - s->in >= 5 && s->in[0] == 17) {
		version = s->in[1];
		s->in += 2;
	}
	if (s->in != s->end && s->in[0] > 17) {
		size_t t = get(s) - 17;
		copy_literals(s, t);
		state = t < 4 ? t : 4;
	}
	lzo_instructions(s, version, state);
}

/* ---- the three codecs, and Python's view of them -------------------------------------------- */

/* Counting is a build of its own of each parse. */
static size_t lz4(const uint8_t *page, uint8_t *out)
{
	return out ? lz4_parse(page, out) : lz4_parse(page, NULL);
}

static size_t lzo(const uint8_t *page, uint8_t *out)
{
	return out ? lzo_parse(page, out, false) : lzo_parse(page, NULL, false);
}

static size_t lzo_rle(const uint8_t *page, uint8_t *out)
{
	return out ? lzo_parse(page, out, true) : lzo_parse(page, NULL, true);
}

static const struct codec {
	const char *name;
	size_t (*encode)(const uint8_t *page, uint8_t *out); /* out may be NULL */
	void (*decode)(struct stream *s);
} codecs[] = {
	{ "lz4", lz4, lz4_decode },
	{ "lzo", lzo, lzo_decode },
	{ "lzo-rle", lzo_rle, lzo_decode },
};

static const struct codec *find(const char *name)
{
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
		if (strcmp(codecs[i].name, name) == 0)
			return &codecs[i];
	PyErr_Format(PyExc_ValueError, "no compiled codec %s", name);
	return NULL;
}

/* What a page measures as: the alphabet of ghostswap/page.py. */
enum { ZEROS = 0, SAME = 1 << 15, INCOMPRESSIBLE = 0xffff };

static uint16_t measure(const struct codec *codec, const uint8_t *page)
{
	bool same = memcmp(page, page + 8, N - 8) == 0;

	if (same && r64(page) == 0)
		return ZEROS;
	size_t length = codec->encode(page, NULL);
	if (length > N)
		return INCOMPRESSIBLE;
	return same ? SAME + length : length;
}

PyDoc_STRVAR(measure_doc, "measure(name, pages, /)\n--\n\n"
			  "What each page measures as, native 16-bit integers in one bytes object.");
PyDoc_STRVAR(raw_lengths_doc, "raw_lengths(name, pages, /)\n--\n\n"
			      "The compressed length of each page, in the same way.");

static PyObject *each_page(PyObject *args, const char *format, bool raw)
{
	const char *name;
	Py_buffer pages;

	if (!PyArg_ParseTuple(args, format, &name, &pages))
		return NULL;

	const struct codec *codec = find(name);
	PyObject *result = NULL;
	if (codec && pages.len % N)
		PyErr_Format(PyExc_ValueError, "%zd bytes are not whole pages of 4096", pages.len);
	else if (codec)
		result = PyBytes_FromStringAndSize(NULL, pages.len / N * sizeof(uint16_t));
	if (result) {
		const uint8_t *page = pages.buf, *end = page + pages.len;
		char *out = PyBytes_AsString(result);

		Py_BEGIN_ALLOW_THREADS
		for (; page < end; page += N, out += sizeof(uint16_t)) {
			uint16_t found = raw ? codec->encode(page, NULL) : measure(codec, page);
			memcpy(out, &found, sizeof found);
		}
		Py_END_ALLOW_THREADS
	}
	PyBuffer_Release(&pages);
	return result;
}

static PyObject *py_measure(PyObject *Py_UNUSED(module), PyObject *args)
{
	return each_page(args, "sy*:measure", false);
}

static PyObject *py_raw_lengths(PyObject *Py_UNUSED(module), PyObject *args)
{
	return each_page(args, "sy*:raw_lengths", true);
}

PyDoc_STRVAR(compress_doc, "compress(name, page, /)\n--\n\n"
			   "One page, compressed; as long as it comes, whatever the kernel would refuse.");

static PyObject *compress(PyObject *Py_UNUSED(module), PyObject *args)
{
	const char *name;
	Py_buffer page;
	uint8_t out[OUTPUT_MAX];

	if (!PyArg_ParseTuple(args, "sy*:compress", &name, &page))
		return NULL;

	const struct codec *codec = find(name);
	PyObject *result = NULL;
	if (codec && page.len != N)
		PyErr_Format(PyExc_ValueError, "%zd bytes are not a page of 4096", page.len);
	else if (codec)
		result = PyBytes_FromStringAndSize((char *)out, codec->encode(page.buf, out));
	PyBuffer_Release(&page);
	return result;
}

PyDoc_STRVAR(decompress_doc, "decompress(name, data, /)\n--\n\n"
			     "The page that was compressed; ValueError where data is not one.");

static PyObject *decompress(PyObject *Py_UNUSED(module), PyObject *args)
{
	const char *name;
	Py_buffer data;
	uint8_t page[N];

	if (!PyArg_ParseTuple(args, "sy*:decompress", &name, &data))
		return NULL;

	const struct codec *codec = find(name);
	PyObject *result = NULL;
	if (codec) {
		struct stream s = { .in = data.buf, .page = page };
		s.end = s.in + data.len;
		codec->decode(&s);
		if (s.bad || s.O != N)
			PyErr_Format(PyExc_ValueError, "not a page compressed with %s", name);
		else
			result = PyBytes_FromStringAndSize((char *)page, N);
	}
	PyBuffer_Release(&data);
	return result;
}

PyDoc_STRVAR(stack_distances_doc, "stack_distances(places, touched, counts, /)\n--\n\n"
				  "See ghostswap/study/curve/distances.py.");

/* In stack_distances.c. */
PyObject *stack_distances(PyObject *module, PyObject *args);

static PyMethodDef methods[] = {
	{ "measure", py_measure, METH_VARARGS, measure_doc },
	{ "raw_lengths", py_raw_lengths, METH_VARARGS, raw_lengths_doc },
	{ "compress", compress, METH_VARARGS, compress_doc },
	{ "decompress", decompress, METH_VARARGS, decompress_doc },
	{ "stack_distances", stack_distances, METH_VARARGS, stack_distances_doc },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "ghostswap.codecs._codecs",
	.m_doc = "The kernel's lz4, lzo and lzo-rle for 4096-byte pages, and LRU stack distances.",
	.m_methods = methods,
};

PyMODINIT_FUNC PyInit__codecs(void)
{
	return PyModuleDef_Init(&definition);
}
