// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * As in pip: physical lines are joined at a backslash, except comments; then comments are cut off
 * (a '#' at the start or after white space); then a line is an option, or a requirement with
 * options behind it.
 *
 *   file ─ join lines ─ cut comment ─┬─ "-…"   include, index, flag
 *                                    └─ text   requirement [--hash=…]…
 *
 * Included files are named relative to the file that includes them. Their names are made plain by
 * text alone ("a/../b" is "b"), which is right because no link is ever followed. A file that is on
 * the chain of includes is an error, one that was read before is passed over.
 *
 * What needs a build, a checkout or a path (-e, ./x, git+…) is refused with a sentence: leaving it
 * out silently would give another environment than the file says.
 * Source: pip's documentation, "Requirements File Format". */

#include <ctype.h>
#include <fcntl.h>

#include "basic/fault.h"
#include "basic/file.h"
#include "basic/memory.h"
#include "package/project-part.h"
#include "package/requirements-file.h"

typedef struct IncludeChain {
        const struct IncludeChain *outer;
        const char *name;
} IncludeChain;

typedef struct Reader {
        int directory_fd;
        RequirementsFile *file;
        Fault *fault;
        char **constraint_files; /* read as constraints */
        size_t n_lines;
} Reader;

/* One logical line of one file. */
typedef struct Line {
        const IncludeChain *chain;
        uint32_t number;
        bool is_constraint;
} Line;

void requirements_file_done(RequirementsFile *file) {
        for (size_t i = 0; i < file->n_lines; i++) {
                free(file->lines[i].text);
                free(file->lines[i].file);
                strings_free(file->lines[i].hashes);
        }
        free(file->lines);
        free(file->index_url);
        strings_free(file->extra_index_urls);
        strings_free(file->find_links);
        strings_free(file->files);
        strings_free(file->warnings);
        *file = (RequirementsFile){};
}

static int
fail(Reader *reader, const Line *line, FaultCode code, const char *sentence, const char *about) {
        return project_fail(
                        reader->fault,
                        line->chain->name,
                        line->number,
                        code,
                        "'%.200s' %s",
                        about,
                        sentence);
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r';
}

/* Cuts the next word off @rest; quotes around the whole word are taken off. */
static bool cut_word(Text *rest, Text *ret) {
        Text text = text_strip(*rest);
        char quote;
        size_t n = 0;

        if (text.length == 0)
                return false;

        quote = text.data[0] == '"' || text.data[0] == '\'' ? text.data[0] : '\0';
        if (quote && text.length > 1 && memchr(text.data + 1, quote, text.length - 1)) {
                const char *end = memchr(text.data + 1, quote, text.length - 1);

                n = (size_t) (end - text.data) + 1;
                *ret = (Text){ text.data + 1, n - 2 };
        } else {
                while (n < text.length && !is_blank(text.data[n]))
                        n++;
                *ret = (Text){ text.data, n };
        }

        *rest = (Text){ text.data + n, text.length - n };
        return true;
}

/* "a/b.txt" and "../c.txt" give "c.txt". NULL with errno-like result -EXDEV when it leaves the top. */
static int join_path(const char *from, const char *path, char **ret) {
        _cleanup_(strings_freep) char **parts = NULL;
        _cleanup_(freep) char *whole = NULL;
        _cleanup_builder_ Builder plain = {};
        const char *slash = strrchr(from, '/');
        size_t n_parts = 0;
        Text rest, part;
        int r;

        whole = string_format("%.*s/%s", (int) (slash ? slash - from : 0), slash ? from : "", path);
        if (!whole)
                return -ENOMEM;

        rest = text_of(whole);
        while (text_cut(&rest, '/', &part)) {
                if (part.length == 0 || text_equals_string(part, "."))
                        continue;
                if (text_equals_string(part, "..")) {
                        if (n_parts == 0)
                                return -EXDEV;
                        free(TAKE_PTR(parts[--n_parts]));
                        continue;
                }
                r = strings_consume(&parts, text_to_string(part));
                if (r < 0)
                        return r;
                n_parts++;
        }

        for (size_t i = 0; i < n_parts; i++)
                builder_add_format(&plain, "%s%s", i > 0 ? "/" : "", parts[i]);
        return builder_finish(&plain, ret);
}

static int read_file(Reader *reader, const IncludeChain *chain, bool is_constraint);

static int include_file(Reader *reader, const Line *line, const char *path, bool is_constraint) {
        _cleanup_(freep) char *name = NULL;
        char ***seen;
        int r;

        if (path[0] == '/' || strstr(path, "://"))
                return fail(reader,
                            line,
                            FAULT_PROJECT_INVALID,
                            "cannot be included: only files below the project directory can.",
                            path);
        r = join_path(line->chain->name, path, &name);
        if (r == -EXDEV)
                return fail(reader,
                            line,
                            FAULT_PROJECT_INVALID,
                            "cannot be included: it lies outside of the project directory.",
                            path);
        if (r < 0)
                return r;

        for (const IncludeChain *at = line->chain; at; at = at->outer)
                if (streq(at->name, name)) {
                        (void) fail(reader,
                                    line,
                                    FAULT_PROJECT_INVALID,
                                    "is included by itself.",
                                    path);
                        return -ELOOP;
                }

        seen = is_constraint ? &reader->constraint_files : &reader->file->files;
        if (strings_contain(*seen, name))
                return 0;
        if (strings_count(reader->file->files) + strings_count(reader->constraint_files) >=
            REQUIREMENTS_FILES_MAX)
                return fail(reader, line, FAULT_LIMIT_EXCEEDED, "is one file too many.", path);
        r = strings_add(seen, name);
        if (r < 0)
                return r;

        r = read_file(reader, &(IncludeChain){ .outer = line->chain, .name = name }, is_constraint);
        if (r == -ENOENT)
                return fail(reader, line, FAULT_PROJECT_INVALID, "does not exist.", path);
        return r;
}

typedef enum OptionKind {
        OPTION_REQUIREMENTS,
        OPTION_CONSTRAINTS,
        OPTION_INDEX_URL,
        OPTION_EXTRA_INDEX_URL,
        OPTION_FIND_LINKS,
        OPTION_NO_INDEX,
        OPTION_REQUIRE_HASHES,
        OPTION_PRERELEASES,
        OPTION_EDITABLE,
        OPTION_WITHOUT_EFFECT,
} OptionKind;

typedef struct Option {
        const char *name;
        OptionKind kind;
        bool has_value;
} Option;

static const Option options[] = {
        { "-r", OPTION_REQUIREMENTS, true },
        { "--requirement", OPTION_REQUIREMENTS, true },
        { "-c", OPTION_CONSTRAINTS, true },
        { "--constraint", OPTION_CONSTRAINTS, true },
        { "-i", OPTION_INDEX_URL, true },
        { "--index-url", OPTION_INDEX_URL, true },
        { "--pypi-url", OPTION_INDEX_URL, true },
        { "--extra-index-url", OPTION_EXTRA_INDEX_URL, true },
        { "-f", OPTION_FIND_LINKS, true },
        { "--find-links", OPTION_FIND_LINKS, true },
        { "--no-index", OPTION_NO_INDEX, false },
        { "--require-hashes", OPTION_REQUIRE_HASHES, false },
        { "--pre", OPTION_PRERELEASES, false },
        { "-e", OPTION_EDITABLE, true },
        { "--editable", OPTION_EDITABLE, true },
        { "--prefer-binary", OPTION_WITHOUT_EFFECT, false },
        { "--trusted-host", OPTION_WITHOUT_EFFECT, true },
        { "--only-binary", OPTION_WITHOUT_EFFECT, true },
        { "--no-binary", OPTION_WITHOUT_EFFECT, true },
        { "--use-feature", OPTION_WITHOUT_EFFECT, true },
};

/* Finds the option at the start of @rest and moves past it: "-r x", "-rx", "--long x", "--long=x". */
static const Option *cut_option(Text *rest) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                size_t length = strlen(options[i].name);
                bool is_short = options[i].name[1] != '-';
                char next;

                if (!text_starts_with(*rest, options[i].name))
                        continue;
                next = rest->length > length ? rest->data[length] : ' ';
                if (next != '=' && !is_blank(next) && !is_short)
                        continue;
                if (next == '=')
                        length++;
                *rest = (Text){ rest->data + length, rest->length - length };
                return &options[i];
        }

        return NULL;
}

static int add_warning(Reader *reader, const Line *line, const char *name) {
        return strings_consume(
                        &reader->file->warnings,
                        string_format("%s:%u: the option '%s' has no effect here.",
                                      line->chain->name,
                                      line->number,
                                      name));
}

static int apply_option(Reader *reader, const Line *line, const Option *option, const char *value) {
        RequirementsFile *file = reader->file;
        char *copy;

        switch (option->kind) {
        case OPTION_REQUIREMENTS:
                return include_file(reader, line, value, false);
        case OPTION_CONSTRAINTS:
                return include_file(reader, line, value, true);
        case OPTION_INDEX_URL:
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
                free(file->index_url);
                file->index_url = copy;
                return 0;
        case OPTION_EXTRA_INDEX_URL:
                return strings_add(&file->extra_index_urls, value);
        case OPTION_FIND_LINKS:
                return strings_add(&file->find_links, value);
        case OPTION_NO_INDEX:
                file->no_index = true;
                return 0;
        case OPTION_REQUIRE_HASHES:
                file->require_hashes = true;
                return 0;
        case OPTION_PRERELEASES:
                file->allow_prereleases = true;
                return 0;
        case OPTION_EDITABLE:
                return fail(reader,
                            line,
                            FAULT_PROJECT_INVALID,
                            "is asked for as an editable install, which needs a build; Blast "
                            "cannot do that yet.",
                            value);
        default:
                return add_warning(reader, line, option->name);
        }
}

static int read_option(Reader *reader, const Line *line, Text text) {
        _cleanup_(freep) char *value = NULL, *whole = NULL;
        Text rest = text, word = {};
        const Option *option;

        whole = text_to_string(text);
        if (!whole)
                return -ENOMEM;

        option = cut_option(&rest);
        if (!option)
                return fail(reader,
                            line,
                            FAULT_PROJECT_SYNTAX,
                            "is not an option that may stand in a requirements file.",
                            whole);
        if (option->has_value && !cut_word(&rest, &word))
                return fail(reader, line, FAULT_PROJECT_SYNTAX, "needs a value.", whole);
        if (text_strip(rest).length > 0)
                return fail(reader,
                            line,
                            FAULT_PROJECT_SYNTAX,
                            "has more on its line than one option.",
                            whole);

        value = text_to_string(word);
        if (!value)
                return -ENOMEM;
        return apply_option(reader, line, option, value);
}

static bool is_sha256(Text text) {
        if (!text_starts_with(text, "sha256:") || text.length != strlen("sha256:") + 64)
                return false;

        for (size_t i = strlen("sha256:"); i < text.length; i++)
                if (!isxdigit((unsigned char) text.data[i]))
                        return false;

        return true;
}

/* What follows a requirement: --hash=sha256:… as often as wanted. */
static int read_hashes(Reader *reader, const Line *line, Text rest, char ***ret) {
        bool has_other = false;
        Text word;

        while (cut_word(&rest, &word)) {
                _cleanup_(freep) char *text = NULL;

                if (text_equals_string(word, "--hash")) {
                        if (!cut_word(&rest, &word))
                                word = TEXT("");
                } else if (text_starts_with(word, "--hash="))
                        word = (Text){ word.data + 7, word.length - 7 };
                else {
                        text = text_to_string(word);
                        return !text ? -ENOMEM
                                     : fail(reader,
                                            line,
                                            FAULT_PROJECT_SYNTAX,
                                            "cannot stand behind a requirement; only --hash can.",
                                            text);
                }

                text = text_to_string(word);
                if (!text)
                        return -ENOMEM;
                if (is_sha256(word)) {
                        int r = strings_add(ret, text);

                        if (r < 0)
                                return r;
                } else if (text_starts_with(word, "sha384:") || text_starts_with(word, "sha512:"))
                        has_other = true;
                else
                        return fail(reader,
                                    line,
                                    FAULT_PROJECT_SYNTAX,
                                    "is not a hash like sha256:0123…",
                                    text);
        }

        if (has_other && !*ret)
                return fail(reader,
                            line,
                            FAULT_PROJECT_INVALID,
                            "is the kind of hash that is needed here; the line has only others.",
                            "sha256");
        return 0;
}

/* Things pip would fetch or build from elsewhere than an index. */
static const char *reason_to_refuse(Text text) {
        static const char *const suffixes[] = { ".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz" };
        bool has_url = memmem(text.data, text.length, "://", 3);
        bool has_name = memchr(text.data, '@', text.length);

        if (has_url && memchr(text.data, '+', text.length) &&
            (text_starts_with(text, "git+") || text_starts_with(text, "hg+") ||
             text_starts_with(text, "svn+") || text_starts_with(text, "bzr+")))
                return "is a repository; only packages from an index can be installed so far.";
        if (has_url && !has_name)
                return "is a URL; only packages from an index can be installed so far.";
        if (text.data[0] == '.' || text.data[0] == '/' ||
            (!has_name && !memchr(text.data, ';', text.length) &&
             memchr(text.data, '/', text.length)))
                return "is a path; only packages from an index can be installed so far.";
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (!has_name && text_ends_with(text, suffixes[i]))
                        return "is a file; only packages from an index can be installed so far.";

        return NULL;
}

static bool has_variable(Text text) {
        for (size_t i = 0; i + 2 < text.length; i++)
                if (text.data[i] == '$' && text.data[i + 1] == '{')
                        return true;

        return false;
}

static int add_requirement(Reader *reader, const Line *line, const char *text, char **hashes) {
        RequirementsFile *file = reader->file;
        RequirementsLine *item;
        int r;

        r = ARRAY_RESERVE(file->lines, file->n_allocated, file->n_lines + 1);
        if (r < 0)
                return r;

        item = &file->lines[file->n_lines];
        *item = (RequirementsLine){
                .text = strdup(text),
                .file = strdup(line->chain->name),
                .line = line->number,
                .is_constraint = line->is_constraint,
        };
        file->n_lines++; /* what is half made is freed with the rest */
        if (!item->text || !item->file)
                return -ENOMEM;
        return strings_copy(hashes, &item->hashes);
}

static int read_requirement(Reader *reader, const Line *line, Text text) {
        _cleanup_(strings_freep) char **hashes = NULL;
        _cleanup_(freep) char *requirement = NULL;
        const char *reason;
        size_t length = 0;
        int r;

        while (length < text.length &&
               !(text.data[length] == '-' && length > 0 && is_blank(text.data[length - 1])))
                length++;

        requirement = text_to_string(text_strip((Text){ text.data, length }));
        if (!requirement)
                return -ENOMEM;
        reason = reason_to_refuse(text_of(requirement));
        if (reason)
                return fail(reader, line, FAULT_PROJECT_INVALID, reason, requirement);

        r = read_hashes(reader, line, (Text){ text.data + length, text.length - length }, &hashes);
        if (r < 0)
                return r;
        return add_requirement(reader, line, requirement, hashes);
}

static int read_line(Reader *reader, const Line *line, Text text) {
        _cleanup_(freep) char *whole = NULL;

        if (++reader->n_lines > REQUIREMENTS_LINES_MAX)
                return fail(reader,
                            line,
                            FAULT_LIMIT_EXCEEDED,
                            "has too many lines.",
                            line->chain->name);

        for (size_t i = 0; i < text.length; i++)
                if (text.data[i] == '#' && (i == 0 || is_blank(text.data[i - 1]))) {
                        text.length = i;
                        break;
                }
        text = text_strip(text);
        if (text.length == 0)
                return 0;

        if (has_variable(text)) {
                whole = text_to_string(text);
                return !whole ? -ENOMEM
                              : fail(reader,
                                     line,
                                     FAULT_PROJECT_INVALID,
                                     "uses an environment variable, which is not put in here.",
                                     whole);
        }

        if (text.data[0] == '-')
                return read_option(reader, line, text);
        return read_requirement(reader, line, text);
}

static bool is_comment(Text text) {
        text = text_strip(text);
        return text.length > 0 && text.data[0] == '#';
}

static int read_text(Reader *reader, const IncludeChain *chain, bool is_constraint, Text rest) {
        _cleanup_builder_ Builder joined = {};
        Line line = { .chain = chain, .is_constraint = is_constraint };
        uint32_t number = 0;
        Text part;
        int r;

        while (text_cut(&rest, '\n', &part)) {
                bool continues;

                number++;
                if (part.length > 0 && part.data[part.length - 1] == '\r')
                        part.length--;
                if (joined.length == 0)
                        line.number = number;

                /* A comment ends a joined line and does not go on itself. */
                if (is_comment(part))
                        builder_add_char(&joined, ' ');
                continues = part.length > 0 && part.data[part.length - 1] == '\\' &&
                                !is_comment(part);
                builder_add_n(&joined, part.data, part.length - continues);
                if (joined.failed)
                        return -ENOMEM;
                if (continues)
                        continue;

                r = read_line(reader, &line, (Text){ joined.data, joined.length });
                if (r < 0)
                        return r;
                joined.length = 0;
        }

        return joined.length > 0 ? read_line(reader, &line, (Text){ joined.data, joined.length })
                                 : 0;
}

static int read_file(Reader *reader, const IncludeChain *chain, bool is_constraint) {
        _cleanup_(freep) char *text = NULL;
        size_t offset, size;
        uint32_t line = 1;
        int r;

        r = project_read_file(
                        reader->directory_fd,
                        chain->name,
                        REQUIREMENTS_SIZE_MAX,
                        &text,
                        &size,
                        reader->fault);
        if (r < 0)
                return r;

        if (utf8_check(text, size, &offset) < 0 || memchr(text, '\0', size)) {
                const char *nul = memchr(text, '\0', size);

                if (nul)
                        offset = (size_t) (nul - text);
                for (size_t i = 0; i < offset; i++)
                        line += text[i] == '\n';
                return project_fail(
                                reader->fault,
                                chain->name,
                                line,
                                FAULT_PROJECT_SYNTAX,
                                "The text is not UTF-8.");
        }

        offset = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        return read_text(reader, chain, is_constraint, (Text){ text + offset, size - offset });
}

int requirements_file_load(
                int directory_fd,
                const char *name,
                RequirementsFile *ret,
                Fault *fault) {
        _cleanup_requirements_file_ RequirementsFile file = {};
        Reader reader = { .directory_fd = directory_fd, .file = &file, .fault = fault };
        int r;

        r = strings_add(&file.files, name);
        if (r < 0)
                return r;

        r = read_file(&reader, &(IncludeChain){ .name = name }, false);
        FOREACH_TEXT(constraint, reader.constraint_files)
                if (r >= 0 && !strings_contain(file.files, constraint))
                        r = strings_add(&file.files, constraint);
        strings_free(reader.constraint_files);
        if (r < 0)
                return r;

        *ret = TAKE(file, (RequirementsFile){});
        return 0;
}
