// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/wheel-file.h"

enum {
        TAGS_MAX = 10000
};

typedef struct Headers {
        const char *subject;
        const TagParts *wanted; /* of the file name */
        Text version;
        Text is_pure;
        Text *tags;
        size_t n_tags;
        size_t n_allocated;
} Headers;

static int refuse(const Headers *headers, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        headers->subject,
                        "The wheel cannot be installed: its WHEEL %s.",
                        reason);
}

bool wheel_file_next_header(Text *rest, Text *ret_key, Text *ret_value) {
        Text line;

        while (text_cut(rest, '\n', &line)) {
                Text value = line, key;

                if (line.length > 0 && line.data[line.length - 1] == '\r')
                        line.length--;
                if (line.length == 0)
                        return false;
                value = line;
                if (line.data[0] == ' ' || line.data[0] == '\t' || !text_cut(&value, ':', &key) ||
                    !value.data)
                        continue; /* a continuation of a value that does not matter here */
                *ret_key = text_strip(key);
                *ret_value = text_strip(value);
                return true;
        }
        return false;
}

bool wheel_file_key_is(Text key, const char *name) {
        return key.length == strlen(name) && strncasecmp(key.data, name, key.length) == 0;
}

static bool part_has(Text alternatives, const char *wanted) {
        Text part;

        while (text_cut(&alternatives, '.', &part)) {
                if (part.length == strlen(wanted) &&
                    strncasecmp(part.data, wanted, part.length) == 0)
                        return true;
        }
        return false;
}

/* True if one of WHEEL's tags, which may hold alternatives, is this one. */
static bool tags_have(const Headers *headers, const Tag *wanted) {
        for (size_t i = 0; i < headers->n_tags; i++) {
                Text rest = headers->tags[i], python, abi;

                if (text_cut(&rest, '-', &python) && text_cut(&rest, '-', &abi) && rest.data &&
                    part_has(python, wanted->python) && part_has(abi, wanted->abi) &&
                    part_has(rest, wanted->platform))
                        return true;
        }
        return false;
}

static int check_tag(const Headers *headers, const Tag *tag, Fault *fault) {
        if (tags_have(headers, tag))
                return 0;
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        headers->subject,
                        "The wheel cannot be installed: its file name has the tag %s-%s-%s, which "
                        "its WHEEL has not.",
                        tag->python,
                        tag->abi,
                        tag->platform);
}

/* Wheels of the first years have no Tag at all; they say nothing. */
static int check_tags(const Headers *headers, Fault *fault) {
        const TagParts *parts = headers->wanted;
        int r;

        for (const char *const *python = parts->pythons; headers->n_tags > 0 && *python; python++) {
                for (const char *const *abi = parts->abis; *abi; abi++) {
                        for (const char *const *platform = parts->platforms; *platform;
                             platform++) {
                                r = check_tag(headers, &(Tag){ *python, *abi, *platform }, fault);
                                if (r < 0)
                                        return r;
                        }
                }
        }
        return 0;
}

static int collect_headers(Headers *headers, Text rest, Fault *fault) {
        Text key, value;
        int r;

        while (wheel_file_next_header(&rest, &key, &value)) {
                if (wheel_file_key_is(key, "Wheel-Version") && !headers->version.data)
                        headers->version = value;
                else if (wheel_file_key_is(key, "Root-Is-Purelib") && !headers->is_pure.data)
                        headers->is_pure = value;
                else if (wheel_file_key_is(key, "Tag")) {
                        if (headers->n_tags >= TAGS_MAX)
                                return refuse(headers, fault, "has too many tags");
                        r = ARRAY_RESERVE(headers->tags, headers->n_allocated, headers->n_tags + 1);
                        if (r < 0)
                                return r;
                        headers->tags[headers->n_tags++] = value;
                }
        }
        return 0;
}

static int check_headers(const Headers *headers, Fault *fault) {
        Text is_pure = headers->is_pure;

        if (!headers->version.data)
                return refuse(headers, fault, "has no Wheel-Version");
        if (!text_starts_with(headers->version, "1."))
                return refuse(headers, fault, "has a Wheel-Version that is not 1.x");
        if (!is_pure.data ||
            !(wheel_file_key_is(is_pure, "true") || wheel_file_key_is(is_pure, "false")))
                return refuse(headers, fault, "has no valid Root-Is-Purelib");
        return check_tags(headers, fault);
}

int wheel_file_check(Text text, const TagParts *tags, const char *subject, Fault *fault) {
        Headers headers = { .subject = subject, .wanted = tags };
        int r;

        r = collect_headers(&headers, text, fault);
        if (r >= 0)
                r = check_headers(&headers, fault);
        free(headers.tags);
        return r;
}
