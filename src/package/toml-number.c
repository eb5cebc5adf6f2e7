// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A token has been cut out by toml-scalar.c; here it has to fit one grammar from its first to its
 * last byte.
 *
 *   time      [YYYY-MM-DD][T or space][HH:MM:SS[.digits]][Z or +HH:MM], parts taken from the left, days checked
 *             against the calendar, second 60 allowed as RFC 3339 does
 *   integer   digits of base 2, 8, 10 or 16 with single underscores between them; 64 bits with sign
 *   float     checked against TOML's grammar first, because strtod() takes much more; then strtod_l() in the C
 *             locale gives the nearest double */

#include <locale.h>
#include <math.h>

#include "package/toml-number.h"
#include "package/toml-scalar.h"

/* Reads exactly @n digits of @text at *@at. */
static bool take_digits(Text text, size_t *at, size_t n, unsigned *ret) {
        unsigned value = 0;

        if (text.length - *at < n)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!toml_is_digit((unsigned char) text.data[*at + i]))
                        return false;
                value = value * 10 + (unsigned) (text.data[*at + i] - '0');
        }

        *at += n;
        *ret = value;
        return true;
}

static bool take_byte(Text text, size_t *at, char c) {
        if (*at >= text.length || text.data[*at] != c)
                return false;

        (*at)++;
        return true;
}

static unsigned days_of_month(unsigned year, unsigned month) {
        static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(Text text, size_t *at, TomlTime *time) {
        unsigned day, month, year;

        if (!take_digits(text, at, 4, &year) || !take_byte(text, at, '-') ||
            !take_digits(text, at, 2, &month) || !take_byte(text, at, '-') ||
            !take_digits(text, at, 2, &day))
                return false;
        if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
                return false;

        time->year = (uint16_t) year;
        time->month = (uint8_t) month;
        time->day = (uint8_t) day;
        return true;
}

static bool take_time(Text text, size_t *at, TomlTime *time) {
        unsigned hour, minute, second;
        uint32_t nanosecond = 0, unit = 100000000;

        if (!take_digits(text, at, 2, &hour) || !take_byte(text, at, ':') ||
            !take_digits(text, at, 2, &minute) || !take_byte(text, at, ':') ||
            !take_digits(text, at, 2, &second))
                return false;
        if (hour > 23 || minute > 59 || second > 60)
                return false;

        if (take_byte(text, at, '.')) {
                size_t first = *at;

                /* Digits beyond nanoseconds are cut off, as the standard wants. */
                for (; *at < text.length && toml_is_digit((unsigned char) text.data[*at]);
                     (*at)++) {
                        nanosecond += (uint32_t) (text.data[*at] - '0') * unit;
                        unit /= 10;
                }
                if (*at == first)
                        return false;
        }

        time->hour = (uint8_t) hour;
        time->minute = (uint8_t) minute;
        time->second = (uint8_t) second;
        time->nanosecond = nanosecond;
        return true;
}

static bool take_offset(Text text, size_t *at, TomlTime *time) {
        unsigned hour, minute;
        bool is_negative;

        if (take_byte(text, at, 'Z') || take_byte(text, at, 'z'))
                return true;

        is_negative = take_byte(text, at, '-');
        if (!is_negative && !take_byte(text, at, '+'))
                return false;
        if (!take_digits(text, at, 2, &hour) || !take_byte(text, at, ':') ||
            !take_digits(text, at, 2, &minute) || hour > 23 || minute > 59)
                return false;

        time->offset_minutes = (int16_t) (hour * 60 + minute);
        if (is_negative)
                time->offset_minutes = (int16_t) -time->offset_minutes;
        return true;
}

bool toml_parse_time(Text text, TomlValue *value) {
        TomlTime time = {};
        size_t at = 0;

        if (text.length > 2 && text.data[2] == ':')
                value->type = TOML_LOCAL_TIME;
        else {
                if (!take_date(text, &at, &time))
                        return false;
                value->type = at == text.length ? TOML_LOCAL_DATE : TOML_LOCAL_DATETIME;
                if (at < text.length && !take_byte(text, &at, 'T') && !take_byte(text, &at, 't') &&
                    !take_byte(text, &at, ' '))
                        return false;
        }

        if (value->type != TOML_LOCAL_DATE && !take_time(text, &at, &time))
                return false;
        if (value->type == TOML_LOCAL_DATETIME && at < text.length) {
                value->type = TOML_OFFSET_DATETIME;
                if (!take_offset(text, &at, &time))
                        return false;
        }

        value->time = time;
        return at == text.length;
}

/* Copies the digits of @text without the underscores, which must stand between two digits of @base. */
static bool strip_underscores(Text text, int base, char *buffer, size_t size) {
        size_t length = 0;

        for (size_t i = 0; i < text.length; i++) {
                if (text.data[i] == '_') {
                        int after = i + 1 < text.length ? toml_hex_value(text.data[i + 1]) : -1;
                        int before = i > 0 ? toml_hex_value(text.data[i - 1]) : -1;

                        if (after < 0 || after >= base || before < 0 || before >= base)
                                return false;
                        continue;
                }
                if (length + 1 >= size)
                        return false;
                buffer[length++] = text.data[i];
        }

        buffer[length] = '\0';
        return true;
}

static int parse_integer(Text digits, int base, bool is_negative, int64_t *ret) {
        uint64_t limit = (uint64_t) INT64_MAX + is_negative, value = 0;
        char buffer[128];

        if (!strip_underscores(digits, base, buffer, sizeof(buffer)) || buffer[0] == '\0')
                return -EINVAL;
        if (base == 10 && buffer[0] == '0' && buffer[1] != '\0')
                return -EINVAL;

        for (const char *at = buffer; *at; at++) {
                int digit = toml_hex_value((unsigned char) *at);

                if (digit < 0 || digit >= base)
                        return -EINVAL;
                if (value > (limit - (uint64_t) digit) / (uint64_t) base)
                        return -ERANGE;
                value = value * (uint64_t) base + (uint64_t) digit;
        }

        *ret = is_negative ? (int64_t) (0 - value) : (int64_t) value;
        return 0;
}

static size_t count_digits(const char *text) {
        return strspn(text, "0123456789");
}

/* The grammar of a float without its sign: 1.5, 1e6, 1.5e-6. */
static bool float_is_valid(const char *text) {
        size_t n = count_digits(text);

        if (n == 0 || (n > 1 && text[0] == '0'))
                return false;
        text += n;
        if (*text == '.') {
                n = count_digits(++text);
                if (n == 0)
                        return false;
                text += n;
        }
        if (*text == 'e' || *text == 'E') {
                text++;
                if (*text == '+' || *text == '-')
                        text++;
                n = count_digits(text);
                if (n == 0)
                        return false;
                text += n;
        }

        return *text == '\0';
}

static int parse_float(Text text, bool is_negative, double *ret) {
        char buffer[512];
        locale_t locale;
        double value;

        if (text_equals_string(text, "inf"))
                value = (double) INFINITY;
        else if (text_equals_string(text, "nan"))
                value = (double) NAN;
        else {
                if (!strip_underscores(text, 10, buffer, sizeof(buffer)) || !float_is_valid(buffer))
                        return -EINVAL;

                /* The decimal point of the process's locale may be a comma. */
                locale = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
                if (!locale)
                        return -ENOMEM;
                value = strtod_l(buffer, NULL, locale);
                freelocale(locale);
        }

        *ret = is_negative ? -value : value;
        return 0;
}

int toml_parse_number(Text text, TomlValue *value) {
        bool is_signed = text.length > 0 && (text.data[0] == '+' || text.data[0] == '-');
        bool is_negative = is_signed && text.data[0] == '-';
        Text digits = { text.data + is_signed, text.length - is_signed };
        int base = 10;

        if (!is_signed && digits.length > 2 && digits.data[0] == '0')
                base = digits.data[1] == 'x'            ? 16
                                : digits.data[1] == 'o' ? 8
                                : digits.data[1] == 'b' ? 2
                                                        : 10;
        if (base != 10)
                digits = (Text){ digits.data + 2, digits.length - 2 };

        if (base == 10 &&
            (memchr(digits.data, '.', digits.length) || memchr(digits.data, 'e', digits.length) ||
             memchr(digits.data, 'E', digits.length) || memchr(digits.data, 'n', digits.length))) {
                value->type = TOML_FLOAT;
                return parse_float(digits, is_negative, &value->number);
        }

        value->type = TOML_INTEGER;
        return parse_integer(digits, base, is_negative, &value->integer);
}
