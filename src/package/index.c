// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   bytes ── which form? ──▶ index-json.c │ index-html.c │ directory listing (here)
 *                                  └────────────┬───────────────┘
 *                             index-collect.c: checks each entry, builds the page
 *                                               │
 *                             IndexPage ◀──▶ flat packet (cache.c keeps it)
 *
 * A page is one heap object: its text lies in an arena (after reading) or in the packet it was decoded
 * from; the array of files points into either. Parts of file names (version, tags) are never stored:
 * they are views into the name, cut again on decoding, which also checks the name again.
 *
 * The packet holds, per file, a word of flags, then only the fields the flags announce. The URL of a file
 * nearly always ends in its name, so it is stored without it. A page of 5000 files takes about 0.9 MB
 * and decodes in about a millisecond. */

#include <string.h>

#include "basic/memory.h"
#include "basic/text.h"
#include "package/index-collect.h"
#include "package/index-html.h"
#include "package/index-json.h"
#include "package/index.h"
#include "package/url.h"

enum {
        INDEX_MAGIC = 0x58494c42, /* "BLIX" */
        INDEX_VERSION = 2,
};

/* Flags of one file in the packet. */
enum {
        FILE_HAS_DIGEST = 1 << 0,
        FILE_HAS_METADATA = 1 << 1,
        FILE_HAS_METADATA_DIGEST = 1 << 2,
        FILE_HAS_REQUIRES_PYTHON = 1 << 3,
        FILE_IS_YANKED = 1 << 4,
        FILE_URL_ENDS_IN_NAME = 1 << 5,
        FILE_IS_LOCAL = 1 << 6, /* has a modification time */
        _FILE_FLAGS_ALL = (1 << 7) - 1,
};

typedef struct PageMemory {
        Arena *arena;
        void *packet; /* what a decoded page borrows from */
} PageMemory;

Arena *index_page_arena(const IndexPage *page) {
        return ((PageMemory *) page->memory)->arena;
}

IndexPage *index_page_free(IndexPage *page) {
        if (!page)
                return NULL;
        PageMemory *memory = page->memory;
        if (memory) {
                arena_free(memory->arena);
                free(memory->packet);
                free(memory);
        }
        free(page->files);
        free(page->skips);
        free(page);
        return NULL;
}

/* An empty page with memory of its own. */
static int index_page_new(IndexPage **ret) {
        _cleanup_(index_page_freep) IndexPage *page = new0(IndexPage, 1);
        PageMemory *memory;

        if (!page)
                return -ENOMEM;
        memory = new0(PageMemory, 1);
        if (!memory)
                return -ENOMEM;
        page->memory = memory;
        memory->arena = arena_new();
        if (!memory->arena)
                return -ENOMEM;
        *ret = TAKE_PTR(page);
        return 0;
}

int index_page_new_empty(const char *name, const char *url, IndexPage **ret) {
        _cleanup_(index_page_freep) IndexPage *page = NULL;
        _cleanup_(freep) char *shown = url_strip_credentials(url);
        int r;

        if (!shown)
                return -ENOMEM;
        r = index_page_new(&page);
        if (r < 0)
                return r;
        page->name = arena_text(index_page_arena(page), name);
        page->url = arena_text(index_page_arena(page), shown);
        if (!page->name || !page->url)
                return -ENOMEM;
        *ret = TAKE_PTR(page);
        return 0;
}

/* The characters of file names, by kind: pages name thousands of files, and strspn() is slow on sets. */
enum {
        CHARACTER_WORD = 1 << 0, /* letters, digits, '.', '_' */
        CHARACTER_VERSION = 1 << 1,
        CHARACTER_FILE = 1 << 2,
};

static uint8_t character_kind(unsigned char c) {
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '.' || c == '_';

        if (is_word)
                return CHARACTER_WORD | CHARACTER_VERSION | CHARACTER_FILE;
        if (c == '+' || c == '!')
                return CHARACTER_VERSION | CHARACTER_FILE;
        return c == '-' ? CHARACTER_FILE : 0;
}

static bool text_consists_of(Text text, uint8_t kind) {
        for (size_t i = 0; i < text.length; i++)
                if (!(character_kind((unsigned char) text.data[i]) & kind))
                        return false;
        return text.length > 0;
}

/* "name-version(-build)?-python-abi-platform", PEP 427. */
static int wheel_name_parse(Text stem, const char *name, Text *ret_version, Text *ret_tags) {
        Text parts[6], rest = stem;
        size_t n_parts = 0;

        while (n_parts < ELEMENTSOF(parts) && text_cut(&rest, '-', &parts[n_parts]))
                n_parts++;
        if (rest.data || n_parts < 5)
                return -EINVAL;
        if (!index_name_matches(parts[0], name))
                return -ENXIO;
        if (!text_consists_of(parts[1], CHARACTER_VERSION))
                return -EINVAL;
        if (n_parts == 6 &&
            (parts[2].length == 0 || parts[2].data[0] < '0' || parts[2].data[0] > '9'))
                return -EINVAL;
        Text tags = {
                .data = parts[n_parts - 3].data,
                .length = (size_t) (stem.data + stem.length - parts[n_parts - 3].data),
        };
        for (size_t i = n_parts - 3; i < n_parts; i++)
                if (!text_consists_of(parts[i], CHARACTER_WORD))
                        return -EINVAL;
        *ret_version = parts[1];
        *ret_tags = tags;
        return 0;
}

/* "name-version", where old names hold dashes of their own: the version begins with a digit. */
static int source_name_parse(Text stem, const char *name, Text *ret_version) {
        for (size_t i = 1; i + 1 < stem.length; i++) {
                Text version = { stem.data + i + 1, stem.length - i - 1 };

                if (stem.data[i] != '-' || !index_name_matches((Text){ stem.data, i }, name))
                        continue;
                size_t n_v = version.length > 1 &&
                                (version.data[0] == 'v' || version.data[0] == 'V');
                if (version.data[n_v] < '0' || version.data[n_v] > '9')
                        continue;
                if (!text_consists_of(version, CHARACTER_FILE))
                        return -EINVAL;
                *ret_version = version;
                return 0;
        }
        return -ENXIO;
}

int index_filename_parse(
                const char *filename,
                const char *name,
                IndexFileKind *ret_kind,
                Text *ret_version,
                Text *ret_tags) {
        static const char *const endings[] = { ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz" };
        size_t length = strnlen(filename, INDEX_FILENAME_MAX + 1);
        Text text = { filename, length };
        int r;

        /* One path component: no slash, no dot in front, nothing that a terminal or shell minds. */
        if (length > INDEX_FILENAME_MAX || filename[0] == '.' ||
            !text_consists_of(text, CHARACTER_FILE))
                return -EINVAL;
        if (text_ends_with(text, ".whl")) {
                text.length -= strlen(".whl");
                r = wheel_name_parse(text, name, ret_version, ret_tags);
                if (r >= 0)
                        *ret_kind = INDEX_FILE_WHEEL;
                return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(endings); i++) {
                if (!text_ends_with(text, endings[i]))
                        continue;
                text.length -= strlen(endings[i]);
                r = source_name_parse(text, name, ret_version);
                if (r < 0)
                        return r;
                *ret_kind = INDEX_FILE_SOURCE;
                *ret_tags = (Text){};
                return 0;
        }
        return -EINVAL;
}

/* Lines of "<size>\t<modified µs>\t<name>", as blast-fetch lists a directory. */
static int
index_directory_read(IndexCollector *collector, const char *data, size_t size_bytes, Fault *fault) {
        Text rest = { data, size_bytes }, line, size, modified;
        int r;

        while (text_cut(&rest, '\n', &line)) {
                IndexLink link = {};

                if (line.length == 0)
                        continue;
                if (!text_cut(&line, '\t', &size) || !text_cut(&line, '\t', &modified) ||
                    !line.data || line.length > INDEX_FILENAME_MAX ||
                    text_to_u64(size, &link.size_bytes) < 0 ||
                    text_to_u64(modified, &link.modified_usec) < 0)
                        return -EBADMSG;
                _cleanup_(freep) char *filename = text_to_string(line);
                if (!filename)
                        return -ENOMEM;
                link.filename = filename;
                /* Names that need escaping in a URL are none of wheels and are refused anyway. */
                link.href = filename;
                r = index_collector_add(collector, &link, fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef enum PageForm {
        PAGE_JSON,
        PAGE_HTML,
        PAGE_DIRECTORY,
        _PAGE_FORM_INVALID = -EINVAL,
} PageForm;

static PageForm page_form(const char *content_type, const char *data, size_t size_bytes) {
        Text type = { content_type, content_type ? strcspn(content_type, "; \t") : 0 };
        Text body = text_strip((Text){ data, size_bytes });

        if (text_equals_string(type, INDEX_TYPE_DIRECTORY))
                return PAGE_DIRECTORY;
        if (text_ends_with(type, "/json") || text_ends_with(type, "+json"))
                return PAGE_JSON;
        if (text_ends_with(type, "/html") || text_ends_with(type, "+html"))
                return PAGE_HTML;
        /* A server that does not know what it serves. */
        if (text_starts_with(body, "{"))
                return PAGE_JSON;
        if (text_starts_with(body, "<"))
                return PAGE_HTML;
        return _PAGE_FORM_INVALID;
}

/* A type comes from a server: only what can be shown. */
static const char *type_to_show(const char *content_type) {
        if (text_is_empty(content_type) || strlen(content_type) > 100)
                return "unknown";
        for (const char *c = content_type; *c; c++)
                if (*c < 0x20 || *c >= 0x7f)
                        return "unknown";
        return content_type;
}

int index_page_parse(
                const IndexSource *source,
                const void *data,
                size_t size_bytes,
                IndexPage **ret,
                Fault *fault) {
        _cleanup_(index_collector_freep) IndexCollector *collector = NULL;
        int r;

        if (size_bytes > INDEX_PAGE_SIZE_MAX)
                return fault_set(
                                fault,
                                -EFBIG,
                                FAULT_LIMIT_EXCEEDED,
                                source->name,
                                "The index page of '%s' is larger than %d MiB.",
                                source->name,
                                (int) (INDEX_PAGE_SIZE_MAX / MEBIBYTE));
        r = index_collector_new(source, &collector, fault);
        if (r < 0)
                return r;
        switch (page_form(source->content_type, data, size_bytes)) {
        case PAGE_JSON:
                r = index_json_read(collector, source, data, size_bytes, fault);
                break;
        case PAGE_HTML:
                r = index_html_read(collector, source, data, size_bytes, fault);
                break;
        case PAGE_DIRECTORY:
                r = index_directory_read(collector, data, size_bytes, fault);
                break;
        default:
                (void) fault_set(
                                fault,
                                -EBADMSG,
                                FAULT_INDEX_INVALID,
                                source->url,
                                "What '%s' answered for '%s' is not an index page (its type is %s).",
                                source->url,
                                source->name,
                                type_to_show(source->content_type));
                fault_hint(fault,
                           "Is this the address of a simple index? It usually ends in /simple.");
                return -EBADMSG;
        }
        if (r < 0)
                return r;
        *ret = index_collector_finish(collector);
        return 0;
}

static bool url_ends_in_name(const IndexFile *file) {
        return text_ends_with(text_of(file->url), file->filename);
}

static void packet_put_file(PacketWriter *writer, const IndexFile *file) {
        bool ends_in_name = url_ends_in_name(file);
        uint32_t flags = (file->has_digest ? FILE_HAS_DIGEST : 0) |
                        (file->has_metadata ? FILE_HAS_METADATA : 0) |
                        (file->has_metadata_digest ? FILE_HAS_METADATA_DIGEST : 0) |
                        (file->requires_python ? FILE_HAS_REQUIRES_PYTHON : 0) |
                        (file->yanked ? FILE_IS_YANKED : 0) |
                        (ends_in_name ? FILE_URL_ENDS_IN_NAME : 0) |
                        (file->modified_usec ? FILE_IS_LOCAL : 0);

        packet_put_u32(writer, flags);
        /* One text for both where one ends in the other, so that the decoder need not copy. */
        packet_put_string(writer, file->url);
        if (ends_in_name)
                packet_put_u32(writer, (uint32_t) strlen(file->filename));
        else
                packet_put_string(writer, file->filename);
        packet_put_u64(writer, file->size_bytes);
        packet_put_u64(writer, (uint64_t) file->upload_usec);
        if (file->has_digest)
                packet_put_bytes(writer, file->digest.bytes, DIGEST_SIZE);
        if (file->has_metadata_digest)
                packet_put_bytes(writer, file->metadata_digest.bytes, DIGEST_SIZE);
        if (file->requires_python)
                packet_put_string(writer, file->requires_python);
        if (file->yanked)
                packet_put_string(writer, file->yanked);
        if (file->modified_usec)
                packet_put_u64(writer, file->modified_usec);
}

int index_page_encode(const IndexPage *page, void **ret, size_t *ret_size_bytes) {
        PacketWriter writer;

        packet_writer_init(&writer, INDEX_MAGIC, INDEX_VERSION);
        packet_put_string(&writer, page->name);
        packet_put_string(&writer, page->url);
        packet_put_string(&writer, page->status);
        packet_put_string(&writer, page->status_reason);
        packet_put_u64(&writer, page->n_skipped);
        packet_put_u32(&writer, (uint32_t) page->n_skips);
        for (size_t i = 0; i < page->n_skips; i++) {
                packet_put_string(&writer, page->skips[i].filename);
                packet_put_string(&writer, page->skips[i].reason);
        }
        packet_put_u32(&writer, (uint32_t) page->n_files);
        for (size_t i = 0; i < page->n_files; i++)
                packet_put_file(&writer, page->files + i);
        int r = packet_writer_finish(&writer, ret, ret_size_bytes);
        packet_writer_done(&writer);
        return r;
}

static const char *packet_get_required(PacketReader *reader) {
        const char *text = packet_get_string(reader);

        if (!text)
                packet_reader_fail(reader, -EBADMSG);
        return text ?: "";
}

/* The end of @url that is the name of the file. */
static const char *packet_get_name(PacketReader *reader, const char *url, size_t n_url) {
        uint32_t n_name = packet_get_u32(reader);

        if (n_name > n_url)
                packet_reader_fail(reader, -EBADMSG);
        return reader->error < 0 ? "" : url + n_url - n_name;
}

static int packet_get_file(PacketReader *reader, IndexPage *page, IndexFile *ret) {
        uint32_t flags = packet_get_u32(reader);
        int r;

        if (flags & ~(uint32_t) _FILE_FLAGS_ALL)
                return -EBADMSG;
        IndexFile file = {
                .url = packet_get_required(reader),
                .has_digest = flags & FILE_HAS_DIGEST,
                .has_metadata = flags & FILE_HAS_METADATA,
                .has_metadata_digest = flags & FILE_HAS_METADATA_DIGEST,
        };
        size_t n_url = strlen(file.url);
        file.filename = flags & FILE_URL_ENDS_IN_NAME ? packet_get_name(reader, file.url, n_url)
                                                      : packet_get_required(reader);
        file.size_bytes = packet_get_u64(reader);
        file.upload_usec = (int64_t) packet_get_u64(reader);
        if (file.has_digest)
                packet_get_array(reader, file.digest.bytes, DIGEST_SIZE);
        if (file.has_metadata_digest)
                packet_get_array(reader, file.metadata_digest.bytes, DIGEST_SIZE);
        if (flags & FILE_HAS_REQUIRES_PYTHON)
                file.requires_python = packet_get_required(reader);
        if (flags & FILE_IS_YANKED)
                file.yanked = packet_get_required(reader);
        if (flags & FILE_IS_LOCAL)
                file.modified_usec = packet_get_u64(reader);
        if (reader->error < 0)
                return reader->error;
        if (n_url > INDEX_URL_MAX)
                return -EBADMSG;
        r = index_filename_parse(file.filename, page->name, &file.kind, &file.version, &file.tags);
        if (r < 0)
                return -EBADMSG;
        *ret = file;
        return 0;
}

static int packet_get_page(PacketReader *reader, IndexPage *page) {
        uint32_t n;
        int r;

        page->name = packet_get_required(reader);
        page->url = packet_get_required(reader);
        page->status = packet_get_string(reader);
        page->status_reason = packet_get_string(reader);
        page->n_skipped = packet_get_u64(reader);

        n = packet_get_count(reader, 2);
        if (n > INDEX_SKIPS_MAX)
                return -EBADMSG;
        page->skips = new0(IndexSkip, n + 1);
        if (!page->skips)
                return -ENOMEM;
        for (; page->n_skips < n; page->n_skips++)
                page->skips[page->n_skips] = (IndexSkip){
                        .filename = packet_get_required(reader),
                        .reason = packet_get_required(reader),
                };

        /* The smallest file: flags, an empty name and URL, two numbers. */
        n = packet_get_count(reader, 28);
        if (n > INDEX_FILES_MAX)
                return -EBADMSG;
        page->files = new0(IndexFile, n + 1);
        if (!page->files)
                return -ENOMEM;
        for (; page->n_files < n; page->n_files++) {
                r = packet_get_file(reader, page, page->files + page->n_files);
                if (r < 0)
                        return r;
        }
        return packet_reader_finish(reader);
}

int index_page_decode_consume(void *data, size_t size_bytes, IndexPage **ret) {
        _cleanup_(index_page_freep) IndexPage *page = NULL;
        PacketReader reader;
        uint32_t version;
        int r;

        r = packet_reader_init(&reader, data, size_bytes, INDEX_MAGIC, INDEX_VERSION, &version);
        if (r < 0)
                return r;
        /* An older form is fetched anew, not read. */
        if (version != INDEX_VERSION)
                return -EPROTONOSUPPORT;
        r = index_page_new(&page);
        if (r < 0)
                return r;
        r = packet_get_page(&reader, page);
        if (r < 0)
                return r;
        ((PageMemory *) page->memory)->packet = data;
        *ret = TAKE_PTR(page);
        return 0;
}

int index_page_decode(const void *data, size_t size_bytes, IndexPage **ret) {
        _cleanup_(freep) void *copy = memory_copy(data, size_bytes);
        int r;

        if (!copy)
                return -ENOMEM;
        r = index_page_decode_consume(copy, size_bytes, ret);
        if (r >= 0)
                TAKE_PTR(copy);
        return r;
}

char *index_page_url(const char *index_url, const char *name) {
        size_t length = strlen(index_url);

        /* The query or fragment of an index URL has no meaning here and is kept out of the way. */
        while (length > 0 && index_url[length - 1] == '/')
                length--;
        return string_format("%.*s/%s/", (int) length, index_url, name);
}

char *index_file_metadata_url(const IndexFile *file) {
        size_t length = strcspn(file->url, "?");

        /* A signed URL keeps its query behind the new ending. */
        return string_format("%.*s.metadata%s", (int) length, file->url, file->url + length);
}
