// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The file WHEEL of a wheel, and the form of headers that it shares with METADATA. */

#include "basic/fault.h"
#include "basic/text.h"
#include "package/tag.h"

enum {
        WHEEL_FILE_SIZE_MAX = 1024 * 1024
};

/* The next "Key: value" of the header part; false at the empty line or the end. Continuations of a
 * value are skipped. */
bool wheel_file_next_header(Text *rest, Text *ret_key, Text *ret_value);
bool wheel_file_key_is(Text key, const char *name); /* without regard to case */

/* Wheel-Version 1.x, a valid Root-Is-Purelib, and all tags of the file name (@tags), for that may not
 * claim more than the wheel was built for. Errors: -EBADMSG with FAULT_WHEEL_INVALID, -ENOMEM. */
_must_use_ int wheel_file_check(Text text, const TagParts *tags, const char *subject, Fault *fault);
