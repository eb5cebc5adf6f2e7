// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Parsing goes once over the text, left to right, into Parts on the stack; the finished value, its
 * numbers, its key and its normal text are one piece of arena memory. Nothing backtracks further than
 * one separator: "1.0.post1" tries the '.' as a part of a pre-release, of a post-release, of a
 * development release, in this order.
 *
 * The key is a string of bytes whose order (memcmp) is the order of versions:
 *
 *     epoch · release numbers without trailing zeros · 00 · phase [· number] · post · dev · local
 *
 *     number  0…199 as one byte 01…c8; else c8 + n and n bytes, big end first; so that fewer bytes
 *             mean a smaller number and the first byte is never 00, fe or ff
 *     phase   00 only .dev, 01 a, 02 b, 03 rc (each followed by its number), 04 final
 *     post    00 none, else number
 *     dev     number, else fe: a development release comes before the release itself
 *     local   00 none; else segments, each 01 text 00 or 02 number, and 00 at the end
 *
 * "1.0rc2" is 01 02 00 03 03 00 fe 00. Every key is complete in itself: none is the beginning of
 * another. Families of versions are common beginnings: all of 1.0 share 01 02 00, all post-releases of
 * 1.0 share 01 02 00 04 and do not continue with 00, all local versions of V share V's public bytes.
 * This is what specifiers and ranges are built on. Most comparisons end with the first eight bytes,
 * which stand in the struct.
 *
 * Numbers are 64 bits wide except in local parts, where commit ids made of digits alone occur: there
 * longer ones are kept as digits (02 d1 length digits). UINT64_MAX itself is refused so that a
 * successor exists for every number.
 *
 * Source: PyPA specification "Version specifiers" (PEP 440), its appendix with the pattern.
 */

#include <stdio.h>

#include "package/version.h"

enum {
        LONG_NUMBER = 0xd1,  /* first byte of a local number of more than 64 bits */
        SEGMENT_TEXT = 0x01, /* of a local part */
        SEGMENT_NUMBER = 0x02,
        DIGITS_LONG_MAX = 255,
        KEY_MAX = 2 * VERSION_LENGTH_MAX + 64, /* no part grows to more than twice its text */
        TEXT_MAX = VERSION_LENGTH_MAX + 64,    /* "-1" grows to ".post1", "a" to "a0" */
};

typedef struct Parts {
        uint64_t release[VERSION_RELEASE_MAX];
        size_t n_release;
        uint64_t epoch;
        uint64_t pre;
        uint64_t post;
        uint64_t dev;
        VersionPhase phase;
        bool has_post;
        bool has_dev;
        Text local; /* as written, data is NULL if there is none */
} Parts;

/* What is left of the text; the first error stays. */
typedef struct Scanner {
        const char *at;
        const char *end;
        int error;
} Scanner;

typedef struct Key {
        uint8_t bytes[KEY_MAX];
        size_t size;
        size_t release_size;
        size_t pre_size;
        size_t post_size;
        size_t public_size;
} Key;

typedef struct Output {
        char text[TEXT_MAX];
        size_t length;
} Output;

static char lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_separator(char c) {
        return c == '.' || c == '-' || c == '_';
}

static bool scan_char(Scanner *scanner, char c) {
        if (scanner->at == scanner->end || *scanner->at != c)
                return false;
        scanner->at++;
        return true;
}

static void scan_separator(Scanner *scanner) {
        if (scanner->at < scanner->end && is_separator(*scanner->at))
                scanner->at++;
}

/* @word is in lower case. */
static bool scan_word(Scanner *scanner, const char *word) {
        const char *at = scanner->at;

        for (; *word; word++, at++)
                if (at == scanner->end || lower(*at) != *word)
                        return false;
        scanner->at = at;
        return true;
}

static bool scan_number(Scanner *scanner, uint64_t *ret) {
        const char *start = scanner->at;
        uint64_t value = 0;

        for (; scanner->at < scanner->end && is_digit(*scanner->at); scanner->at++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*scanner->at - '0'), &value))
                        scanner->error = -ERANGE;
        if (scanner->at == start)
                return false;
        if (value == UINT64_MAX)
                scanner->error = -ERANGE;
        *ret = value;
        return true;
}

/* "1!" and the release; a first number is only an epoch if '!' follows. */
static bool scan_release(Scanner *scanner, Parts *parts) {
        uint64_t number;

        if (!scan_number(scanner, &number))
                return false;
        if (scan_char(scanner, '!')) {
                parts->epoch = number;
                if (!scan_number(scanner, &number))
                        return false;
        }
        for (;;) {
                if (parts->n_release == VERSION_RELEASE_MAX) {
                        scanner->error = -ERANGE;
                        return false;
                }
                parts->release[parts->n_release++] = number;
                if (scanner->end - scanner->at < 2 || *scanner->at != '.' ||
                    !is_digit(scanner->at[1]))
                        return true;
                scanner->at++;
                (void) scan_number(scanner, &number); /* a digit is there */
        }
}

/* [sep] word [sep] [number]; nothing is consumed if no word follows. */
static bool
scan_part(Scanner *scanner,
          const char *const *words,
          size_t n_words,
          size_t *ret_word,
          uint64_t *ret) {
        const char *start = scanner->at;

        scan_separator(scanner);
        for (size_t i = 0; i < n_words; i++) {
                if (!scan_word(scanner, words[i]))
                        continue;
                scan_separator(scanner);
                if (!scan_number(scanner, ret))
                        *ret = 0;
                *ret_word = i;
                return true;
        }
        scanner->at = start;
        return false;
}

static void scan_pre(Scanner *scanner, Parts *parts) {
        /* A word stands before its own beginning. */
        static const char *const words[] = {
                "alpha", "a", "beta", "b", "preview", "pre", "c", "rc"
        };
        static const VersionPhase phases[] = {
                VERSION_PHASE_ALPHA,     VERSION_PHASE_ALPHA,     VERSION_PHASE_BETA,
                VERSION_PHASE_BETA,      VERSION_PHASE_CANDIDATE, VERSION_PHASE_CANDIDATE,
                VERSION_PHASE_CANDIDATE, VERSION_PHASE_CANDIDATE,
        };
        size_t word;

        if (scan_part(scanner, words, ELEMENTSOF(words), &word, &parts->pre))
                parts->phase = phases[word];
}

static void scan_post(Scanner *scanner, Parts *parts) {
        static const char *const words[] = { "post", "rev", "r" };
        size_t word;

        if (scanner->end - scanner->at >= 2 && *scanner->at == '-' && is_digit(scanner->at[1])) {
                scanner->at++;
                parts->has_post = scan_number(scanner, &parts->post);
                return;
        }
        parts->has_post = scan_part(scanner, words, ELEMENTSOF(words), &word, &parts->post);
}

static void scan_dev(Scanner *scanner, Parts *parts) {
        static const char *const words[] = { "dev" };
        size_t word;

        parts->has_dev = scan_part(scanner, words, ELEMENTSOF(words), &word, &parts->dev);
}

static bool is_local_char(char c) {
        return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* Takes all that is left: it must be segments with one separator between two of them. */
static bool scan_local(Scanner *scanner, Parts *parts) {
        bool in_segment = false;

        if (!scan_char(scanner, '+'))
                return true;
        parts->local = (Text){ scanner->at, (size_t) (scanner->end - scanner->at) };
        for (; scanner->at < scanner->end; scanner->at++) {
                if (is_local_char(*scanner->at))
                        in_segment = true;
                else if (is_separator(*scanner->at) && in_segment)
                        in_segment = false;
                else
                        return false;
        }
        return in_segment;
}

/* How many bytes of white space the text begins with, or ends with; white space is what Unicode calls
 * so, as in the pattern of PEP 440. */
static size_t space_size(Text text, bool at_end) {
        static const char *const wide[] = {
                "\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
                "\u2004",   "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
                "\u2028",   "\u2029", "\u202f", "\u205f", "\u3000",
        };
        char c;

        if (text.length == 0)
                return 0;
        c = at_end ? text.data[text.length - 1] : text.data[0];
        if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f))
                return 1;
        if ((uint8_t) c < 0x80)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(wide); i++)
                if (at_end ? text_ends_with(text, wide[i]) : text_starts_with(text, wide[i]))
                        return strlen(wide[i]);
        return 0;
}

static Text strip_space(Text text) {
        size_t n;

        while ((n = space_size(text, false)) > 0)
                text = (Text){ text.data + n, text.length - n };
        while ((n = space_size(text, true)) > 0)
                text.length -= n;
        return text;
}

static int parts_scan(Text text, Parts *ret) {
        Scanner scanner;

        text = strip_space(text);
        if (text.length > VERSION_LENGTH_MAX)
                return -ERANGE;
        scanner = (Scanner){ .at = text.data, .end = text.data + text.length };
        *ret = (Parts){ .phase = VERSION_PHASE_FINAL };

        (void) scan_word(&scanner, "v");
        if (!scan_release(&scanner, ret))
                return scanner.error < 0 ? scanner.error : -EINVAL;
        scan_pre(&scanner, ret);
        scan_post(&scanner, ret);
        scan_dev(&scanner, ret);
        if (!scan_local(&scanner, ret) || scanner.at != scanner.end)
                return -EINVAL;
        if (ret->has_dev && !ret->has_post && ret->phase == VERSION_PHASE_FINAL)
                ret->phase = VERSION_PHASE_DEV;
        return scanner.error;
}

size_t version_encode_number(uint64_t number, uint8_t buffer[static VERSION_NUMBER_SIZE_MAX]) {
        size_t n_bytes = 1;

        if (number < 200) {
                buffer[0] = (uint8_t) (number + 1);
                return 1;
        }
        while (n_bytes < 8 && number >> (8 * n_bytes))
                n_bytes++;
        buffer[0] = (uint8_t) (200 + n_bytes);
        for (size_t i = 0; i < n_bytes; i++)
                buffer[1 + i] = (uint8_t) (number >> (8 * (n_bytes - 1 - i)));
        return 1 + n_bytes;
}

static void key_add(Key *key, uint8_t byte) {
        key->bytes[key->size++] = byte;
}

static void key_add_number(Key *key, uint64_t number) {
        key->size += version_encode_number(number, key->bytes + key->size);
}

static void output_add(Output *output, const char *data, size_t length) {
        memcpy(output->text + output->length, data, length);
        output->length += length;
}

static void output_add_number(Output *output, const char *before, uint64_t number) {
        output->length += (size_t) snprintf(
                        output->text + output->length,
                        sizeof(output->text) - output->length,
                        "%s%llu",
                        before,
                        (unsigned long long) number);
}

/* One segment of a local part: digits alone are a number. */
static int put_segment(Key *key, Output *output, Text segment) {
        uint64_t number;
        size_t n_digits = 0, n_zeros = 0;

        while (n_digits < segment.length && is_digit(segment.data[n_digits]))
                n_digits++;
        if (n_digits < segment.length) {
                key_add(key, SEGMENT_TEXT);
                for (size_t i = 0; i < segment.length; i++) {
                        char c = lower(segment.data[i]);

                        key_add(key, (uint8_t) c);
                        output_add(output, &c, 1);
                }
                key_add(key, VERSION_KEY_END);
                return 0;
        }

        while (n_zeros + 1 < segment.length && segment.data[n_zeros] == '0')
                n_zeros++;
        segment = (Text){ segment.data + n_zeros, segment.length - n_zeros };
        key_add(key, SEGMENT_NUMBER);
        output_add(output, segment.data, segment.length);
        if (text_to_u64(segment, &number) >= 0) {
                key_add_number(key, number);
                return 0;
        }
        if (segment.length > DIGITS_LONG_MAX)
                return -ERANGE;
        key_add(key, LONG_NUMBER);
        key_add(key, (uint8_t) segment.length);
        memcpy(key->bytes + key->size, segment.data, segment.length);
        key->size += segment.length;
        return 0;
}

static int put_local(Key *key, Output *output, Text local) {
        const char *end = local.data + local.length;
        int r;

        for (const char *at = local.data; at < end;) {
                const char *start = at;

                while (at < end && !is_separator(*at))
                        at++;
                if (start > local.data)
                        output_add(output, ".", 1);
                r = put_segment(key, output, (Text){ start, (size_t) (at - start) });
                if (r < 0)
                        return r;
                at++;
        }
        return 0;
}

static void put_release(Key *key, Output *output, const Parts *parts) {
        size_t n_significant = parts->n_release;

        while (n_significant > 0 && parts->release[n_significant - 1] == 0)
                n_significant--;

        if (parts->epoch > 0) {
                output_add_number(output, "", parts->epoch);
                output_add(output, "!", 1);
        }
        key_add_number(key, parts->epoch);
        for (size_t i = 0; i < parts->n_release; i++) {
                output_add_number(output, i > 0 ? "." : "", parts->release[i]);
                if (i < n_significant)
                        key_add_number(key, parts->release[i]);
        }
        key_add(key, VERSION_KEY_END);
        key->release_size = key->size;
}

static int put_parts(Key *key, Output *output, const Parts *parts) {
        static const char *const letters[] = {
                [VERSION_PHASE_ALPHA] = "a",
                [VERSION_PHASE_BETA] = "b",
                [VERSION_PHASE_CANDIDATE] = "rc",
                [VERSION_PHASE_FINAL] = NULL,
        };
        int r;

        put_release(key, output, parts);
        key_add(key, (uint8_t) parts->phase);
        if (letters[parts->phase]) {
                key_add_number(key, parts->pre);
                output_add_number(output, letters[parts->phase], parts->pre);
        }
        key->pre_size = key->size;

        if (parts->has_post) {
                key_add_number(key, parts->post);
                output_add_number(output, ".post", parts->post);
        } else
                key_add(key, VERSION_KEY_END);
        key->post_size = key->size;

        if (parts->has_dev) {
                key_add_number(key, parts->dev);
                output_add_number(output, ".dev", parts->dev);
        } else
                key_add(key, VERSION_KEY_NO_DEV);
        key->public_size = key->size;

        if (parts->local.data) {
                output_add(output, "+", 1);
                r = put_local(key, output, parts->local);
                if (r < 0)
                        return r;
        }
        key_add(key, VERSION_KEY_END);
        return 0;
}

static uint64_t key_start_of(const Key *key) {
        uint64_t start = 0;

        for (size_t i = 0; i < sizeof(start); i++)
                start = start << 8 | (i < key->size ? key->bytes[i] : 0);
        return start;
}

/* Lays struct, numbers, key and text into one allocation. */
static Version *
version_assemble(Arena *arena, const Parts *parts, const Key *key, const Output *output) {
        size_t release_bytes = parts->n_release * sizeof(uint64_t);
        const char *plus;
        Version *version;
        uint64_t *release;
        uint8_t *bytes;
        char *text;

        version = arena_allocate(
                        arena, sizeof(Version) + release_bytes + key->size + output->length + 1);
        if (!version)
                return NULL;
        release = (uint64_t *) (version + 1);
        bytes = (uint8_t *) (release + parts->n_release);
        text = (char *) (bytes + key->size);
        memcpy(release, parts->release, release_bytes);
        memcpy(bytes, key->bytes, key->size);
        memcpy(text, output->text, output->length);
        text[output->length] = '\0';
        plus = parts->local.data ? strchr(text, '+') : NULL;

        *version = (Version){
                .key_start = key_start_of(key),
                .key = bytes,
                .text = text,
                .release = release,
                .local = plus ? plus + 1 : NULL,
                .epoch = parts->epoch,
                .pre = parts->pre,
                .post = parts->post,
                .dev = parts->dev,
                .phase = parts->phase,
                .has_post = parts->has_post,
                .has_dev = parts->has_dev,
                .n_release = (uint16_t) parts->n_release,
                .release_size = (uint16_t) key->release_size,
                .pre_size = (uint16_t) key->pre_size,
                .post_size = (uint16_t) key->post_size,
                .public_size = (uint16_t) key->public_size,
                .key_size = (uint16_t) key->size,
        };
        return version;
}

int version_parse(Arena *arena, Text text, const Version **ret) {
        Parts parts;
        Key key;
        Output output;
        Version *version;
        int r;

        r = parts_scan(text, &parts);
        if (r < 0)
                return r;
        key.size = 0;
        output.length = 0;
        r = put_parts(&key, &output, &parts);
        if (r < 0)
                return r;
        version = version_assemble(arena, &parts, &key, &output);
        if (!version)
                return -ENOMEM;
        *ret = version;
        return 0;
}

int version_compare(const Version *a, const Version *b) {
        int order;

        if (a->key_start != b->key_start)
                return a->key_start < b->key_start ? -1 : 1;
        /* No key is the beginning of another, so they differ before the shorter one ends. */
        order = memcmp(a->key, b->key, MIN(a->key_size, b->key_size));
        return (order > 0) - (order < 0);
}

int version_compare_pointers(const void *a, const void *b) {
        return version_compare(*(const Version *const *) a, *(const Version *const *) b);
}

int version_compare_family(const Version *version, const uint8_t *key, size_t size_bytes) {
        int order = memcmp(version->key, key, MIN((size_t) version->key_size, size_bytes));

        return (order > 0) - (order < 0);
}

void version_add_public(Builder *builder, const Version *version) {
        size_t length = version->local ? (size_t) (version->local - 1 - version->text)
                                       : strlen(version->text);

        builder_add_n(builder, version->text, length);
}

static void add_release(Builder *builder, const Version *version, size_t n_release) {
        if (version->epoch > 0)
                builder_add_format(builder, "%llu!", (unsigned long long) version->epoch);
        for (size_t i = 0; i < n_release; i++)
                builder_add_format(
                                builder,
                                "%s%llu",
                                i > 0 ? "." : "",
                                (unsigned long long) version->release[i]);
}

void version_add_base(Builder *builder, const Version *version) {
        add_release(builder, version, version->n_release);
}

void version_add_canonical(Builder *builder, const Version *version) {
        size_t n_significant = version->n_release;
        Builder base = {};

        while (n_significant > 1 && version->release[n_significant - 1] == 0)
                n_significant--;
        add_release(builder, version, n_significant);

        /* What follows the release stands unchanged in the normal text. */
        version_add_base(&base, version);
        builder_add(builder, version->text + base.length);
        builder_done(&base);
}
