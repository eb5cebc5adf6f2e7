// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Two programs that read one archive differently are how a checked wheel installs something else. So
 * an archive is refused unless there is only one way to read it:
 *
 *   0 ┌─────────────────────────┐
 *     │ local header, name,     │  members in order of offset: the first at 0, each beginning where
 *     │ extra, data, descriptor │  the one before ends: no gap, no overlap, nothing in front
 *     │ …                       │
 *     ├─────────────────────────┤  ← the directory begins where the last member ends
 *     │ central directory       │
 *     ├─────────────────────────┤  ← and ends where the end records begin
 *     │ [zip64 end, locator]    │  exactly if a field of the end record is a sentinel
 *     │ end record, comment     │  the comment is plain text and reaches the last byte
 *     └─────────────────────────┘
 *
 * zip-header.c reads the records and compares local with central headers. Here: order and gaps, names
 * (relative, UTF-8, once), types (files and directories only), limits. Declared sizes bound
 * everything before a byte is inflated; inflating must then fill and consume exactly what was declared.
 */

#include <libdeflate.h>
#include <sys/stat.h>

#include "basic/memory.h"
#include "basic/table.h"
#include "package/zip-header.h"
#include "package/zip.h"

/* One member while the archive is opened: sorted by offset later. */
typedef struct Entry {
        ZipHeader header;
        uint64_t end; /* first byte after the member */
} Entry;

struct Zip {
        ZipSource source;
        Arena *arena;
        Table *names; /* name → ZipMember */
        ZipMember *members;
        size_t n_members;
        uint64_t total_size;
        struct libdeflate_decompressor *decompressor;
};

Zip *zip_free(Zip *zip) {
        if (!zip)
                return NULL;
        if (zip->decompressor)
                libdeflate_free_decompressor(zip->decompressor);
        (void) table_free(zip->names);
        (void) arena_free(zip->arena);
        free(zip);
        return NULL;
}

static int check_component(const Zip *zip, Text name, Text component, Fault *fault) {
        if (component.length == 0 || text_equals_string(component, ".") ||
            text_equals_string(component, ".."))
                return zip_refuse_member(
                                &zip->source, fault, name, "is a path that leads elsewhere");
        if (component.length > ZIP_COMPONENT_MAX)
                return zip_refuse_member(&zip->source, fault, name, "has a name that is too long");
        return 0;
}

static int check_name(const Zip *zip, const ZipHeader *header, Text name, Fault *fault) {
        Text rest = name, part;
        size_t depth = 0;
        int r;

        if (name.length == 0 || name.length > ZIP_NAME_MAX)
                return zip_refuse(&zip->source, fault, "a name in it is empty or too long");
        for (size_t i = 0; i < name.length; i++) {
                uint8_t c = (uint8_t) name.data[i];

                if (c < 0x20 || c == 0x7f || c == '\\')
                        return zip_refuse(
                                        &zip->source, fault, "a name in it has control characters");
                if (c >= 0x80 && !(header->flags & ZIP_FLAG_UTF8))
                        return zip_refuse(
                                        &zip->source,
                                        fault,
                                        "a name in it has an unknown encoding");
        }
        if (utf8_check(name.data, name.length, NULL) < 0)
                return zip_refuse(&zip->source, fault, "a name in it is not valid UTF-8");
        while (text_cut(&rest, '/', &part)) {
                r = check_component(zip, name, part, fault);
                if (r < 0)
                        return r;
                depth++;
        }
        if (depth > ZIP_DEPTH_MAX)
                return zip_refuse_member(&zip->source, fault, name, "lies in too many directories");
        return 0;
}

/* The type by name and the type by attributes must be one. */
static int check_type(const Zip *zip, const ZipHeader *header, bool is_directory, Fault *fault) {
        uint32_t mode = header->attributes >> 16, type = mode & S_IFMT;
        bool dos_says_directory = header->attributes & 0x10;

        if (type != 0 && type != (uint32_t) (is_directory ? S_IFDIR : S_IFREG))
                return zip_refuse_member(
                                &zip->source,
                                fault,
                                header->name,
                                "is a link, a special file, or not what its name says");
        if (dos_says_directory && !is_directory)
                return zip_refuse_member(
                                &zip->source, fault, header->name, "is not what its name says");
        if (is_directory &&
            (header->size != 0 || header->compressed_size != 0 || header->crc != 0 ||
             header->method != ZIP_METHOD_STORED))
                return zip_refuse_member(
                                &zip->source, fault, header->name, "is a directory with contents");
        if (header->method == ZIP_METHOD_STORED && header->size != header->compressed_size)
                return zip_refuse_member(
                                &zip->source, fault, header->name, "is stored in another size");
        return 0;
}

static int make_member(Zip *zip, const ZipHeader *header, const uint8_t *data, Fault *fault) {
        Text name = header->name;
        bool is_directory = name.length > 1 && name.data[name.length - 1] == '/';
        ZipMember *member = &zip->members[zip->n_members];
        int r;

        if (is_directory)
                name.length--;
        r = check_name(zip, header, name, fault);
        if (r < 0)
                return r;
        r = check_type(zip, header, is_directory, fault);
        if (r < 0)
                return r;
        *member = (ZipMember){
                .name = arena_text_n(zip->arena, name.data, name.length),
                .data = data,
                .compressed_size = header->compressed_size,
                .size = header->size,
                .crc = header->crc,
                .mode = header->attributes >> 16,
                .is_deflated = header->method == ZIP_METHOD_DEFLATED,
                .is_directory = is_directory,
        };
        if (!member->name)
                return -ENOMEM;
        r = table_add(zip->names, member->name, member);
        if (r == -EEXIST)
                return zip_refuse_member(&zip->source, fault, name, "is there twice");
        if (r < 0)
                return r;
        zip->n_members++;
        return 0;
}

static int compare_entries(const void *a, const void *b) {
        const Entry *left = a, *right = b;

        if (left->header.offset == right->header.offset)
                return 0;
        return left->header.offset < right->header.offset ? -1 : 1;
}

static int
check_limits(const Zip *zip, const ZipDirectory *directory, const ZipLimits *limits, Fault *fault) {
        if (directory->size > ZIP_DIRECTORY_MAX_BYTES)
                return zip_refuse_size(&zip->source, fault, "its directory has more than 64 MiB");
        if (directory->n_entries > limits->n_members_max)
                return zip_refuse_size(&zip->source, fault, "it has too many files");
        if (directory->n_entries * ZIP_CENTRAL_SIZE > directory->size)
                return zip_refuse(
                                &zip->source,
                                fault,
                                "its directory has fewer entries than it says");
        return 0;
}

static int add_size(Zip *zip, const ZipHeader *header, const ZipLimits *limits, Fault *fault) {
        if (header->size > limits->size_max_bytes - zip->total_size)
                return zip_refuse_size(&zip->source, fault, "it unpacks to more than the limit");
        zip->total_size += header->size;
        if (zip->total_size > ZIP_RATIO_FREE_BYTES &&
            zip->total_size / ZIP_RATIO_MAX > zip->source.size_bytes)
                return zip_refuse_size(
                                &zip->source, fault, "it unpacks to more than 200 times its size");
        return 0;
}

static int
read_directory(Zip *zip,
               const ZipDirectory *directory,
               const ZipLimits *limits,
               Entry *entries,
               Fault *fault) {
        uint64_t offset = directory->offset, length = 0;
        int r;

        for (size_t i = 0; i < directory->n_entries; i++) {
                r = zip_read_central(
                                &zip->source,
                                directory,
                                offset,
                                &entries[i].header,
                                &length,
                                fault);
                if (r < 0)
                        return r;
                r = add_size(zip, &entries[i].header, limits, fault);
                if (r < 0)
                        return r;
                offset += length;
        }
        if (offset != directory->end_offset)
                return zip_refuse(
                                &zip->source, fault, "its directory has more entries than it says");
        return 0;
}

/* Every byte before the directory belongs to exactly one member. */
static int read_members(Zip *zip, const ZipDirectory *directory, Entry *entries, Fault *fault) {
        uint64_t expected = 0;
        int r;

        qsort(entries, directory->n_entries, sizeof(*entries), compare_entries);
        for (size_t i = 0; i < directory->n_entries; i++) {
                Entry *entry = &entries[i];
                const uint8_t *data = NULL;

                if (entry->header.offset != expected)
                        return zip_refuse(
                                        &zip->source,
                                        fault,
                                        entry->header.offset > expected
                                                        ? "it has bytes that belong to no member"
                                                        : "members of it overlap");
                r =
                                zip_read_local(&zip->source,
                                               &entry->header,
                                               directory->offset,
                                               &data,
                                               &entry->end,
                                               fault);
                if (r < 0)
                        return r;
                r = make_member(zip, &entry->header, data, fault);
                if (r < 0)
                        return r;
                expected = entry->end;
        }
        if (expected != directory->offset)
                return zip_refuse(&zip->source, fault, "it has bytes that belong to no member");
        return 0;
}

static int read_archive(Zip *zip, const ZipLimits *limits, Fault *fault) {
        _cleanup_(freep) Entry *entries = NULL;
        ZipDirectory directory = { 0 };
        int r;

        r = zip_read_end(&zip->source, &directory, fault);
        if (r < 0)
                return r;
        r = check_limits(zip, &directory, limits, fault);
        if (r < 0)
                return r;
        entries = new0(Entry, directory.n_entries);
        zip->members = arena_new_array(zip->arena, ZipMember, directory.n_entries + 1);
        if (!entries || !zip->members)
                return -ENOMEM;
        r = read_directory(zip, &directory, limits, entries, fault);
        if (r < 0)
                return r;
        return read_members(zip, &directory, entries, fault);
}

int zip_open(const void *data,
             size_t size_bytes,
             const ZipLimits *limits,
             const char *subject,
             Zip **ret,
             Fault *fault) {
        _cleanup_(zip_freep) Zip *zip = new0(Zip, 1);
        int r;

        if (!zip)
                return -ENOMEM;
        zip->source.data = data;
        zip->source.size_bytes = size_bytes;
        zip->arena = arena_new();
        zip->names = table_new();
        zip->decompressor = libdeflate_alloc_decompressor();
        if (!zip->arena || !zip->names || !zip->decompressor)
                return -ENOMEM;
        zip->source.subject = subject ? arena_text(zip->arena, subject) : NULL;
        r = read_archive(zip, limits, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(zip);
        return 0;
}

size_t zip_count(const Zip *zip) {
        return zip->n_members;
}

const ZipMember *zip_get(const Zip *zip, size_t i) {
        return i < zip->n_members ? &zip->members[i] : NULL;
}

const ZipMember *zip_find(const Zip *zip, const char *name) {
        return table_find(zip->names, name);
}

uint64_t zip_get_size(const Zip *zip) {
        return zip->total_size;
}

static int inflate(Zip *zip, const ZipMember *member, void *buffer) {
        size_t n_in = 0, n_out = 0;

        if (libdeflate_deflate_decompress_ex(
                            zip->decompressor,
                            member->data,
                            member->compressed_size,
                            buffer,
                            member->size,
                            &n_in,
                            &n_out) != LIBDEFLATE_SUCCESS)
                return -EBADMSG;
        return n_in == member->compressed_size && n_out == member->size ? 0 : -EBADMSG;
}

int zip_read(Zip *zip, const ZipMember *member, void *buffer, Fault *fault) {
        Text name = text_of(member->name);

        if (member->is_deflated) {
                if (inflate(zip, member, buffer) < 0)
                        return zip_refuse_member(
                                        &zip->source,
                                        fault,
                                        name,
                                        "does not unpack to what the directory says");
        } else if (member->size > 0)
                memcpy(buffer, member->data, member->size);
        if (libdeflate_crc32(0, buffer, member->size) != member->crc)
                return zip_refuse_member(
                                &zip->source, fault, name, "is damaged: its checksum is wrong");
        return 0;
}

int zip_read_text(Zip *zip, const ZipMember *member, size_t size_max, char **ret, Fault *fault) {
        _cleanup_(freep) char *text = NULL;
        int r;

        if (member->size > size_max)
                return zip_refuse_size(&zip->source, fault, "a file of its metadata is too long");
        text = new (char, member->size + 1);
        if (!text)
                return -ENOMEM;
        r = zip_read(zip, member, text, fault);
        if (r < 0)
                return r;
        text[member->size] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}
