// Serialises the manifest, and prints one that may come from anywhere, once flatbuffers' verifier has
// accepted it: see manifest.h and abi/manifest.fbs.
#include <cinttypes>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codegen/host/manifest.h"
#include "manifest_generated.h"

#include <flatbuffers/minireflect.h>

extern "C" {
#include "base/diag.h"
#include "base/json.h"
#include "base/text_stream.h"
}

namespace fbs = tessera::manifest;

template <class T> using Rows = std::vector<flatbuffers::Offset<T>>;

struct Manifest {
  flatbuffers::FlatBufferBuilder fb;
  Rows<fbs::Define> defines;
  Rows<fbs::State> states;
  Rows<fbs::Kernel> kernels;
  Rows<fbs::Entry> entries;
  Rows<fbs::Buffer> buffers;
  const char *entry = nullptr; // the one that launches are added to
  Rows<fbs::Launch> launches;
};

using String = flatbuffers::Offset<flatbuffers::String>;

// Equal strings are stored once.
static String text(Manifest *m, const char *s) {
  return m->fb.CreateSharedString(s);
}

Manifest *manifest_new(void) {
  return new Manifest;
}

void manifest_define(Manifest *m, const char *name, const char *value) {
  m->defines.push_back(fbs::CreateDefine(m->fb, text(m, name), text(m, value)));
}

void manifest_state(Manifest *m, const ManifestState *s) {
  auto dim = m->fb.CreateVector(s->dim, static_cast<size_t>(s->rank));
  m->states.push_back(fbs::CreateState(m->fb, text(m, s->name), text(m, s->module), text(m, s->kind),
                                       text(m, s->slot), text(m, s->dtype), dim, s->offset));
}

void manifest_kernel(Manifest *m, const ManifestKernel *k) {
  std::vector<String> origin;
  for (const char *const *o = k->origin; o && *o; o++) origin.push_back(text(m, *o));
  auto names = m->fb.CreateVector(origin);
  m->kernels.push_back(fbs::CreateKernel(m->fb, text(m, k->name), text(m, k->source), names, text(m, k->text),
                                         k->launches, k->scratch));
}

static void end_entry(Manifest *m) {
  if (!m->entry) return;
  auto launches = m->fb.CreateVector(m->launches);
  m->entries.push_back(fbs::CreateEntry(m->fb, text(m, m->entry), launches));
  m->launches.clear();
}

void manifest_entry(Manifest *m, const char *name) {
  end_entry(m);
  m->entry = name;
}

void manifest_launch(Manifest *m, const ManifestLaunch *l) {
  auto buffer = m->fb.CreateVector(l->buffer, static_cast<size_t>(l->nbuffer));
  flatbuffers::Offset<flatbuffers::Vector<uint64_t>> word = 0;
  if (l->nword) word = m->fb.CreateVector(l->word, static_cast<size_t>(l->nword));
  m->launches.push_back(fbs::CreateLaunch(m->fb, l->kernel, text(m, l->origin), text(m, l->source), l->tasks,
                                          l->flop, l->bytes, buffer, word));
}

void manifest_buffer(Manifest *m, const ManifestBuffer *b) {
  m->buffers.push_back(fbs::CreateBuffer(m->fb, text(m, b->name), text(m, b->dtype), b->offset, b->bytes,
                                         text(m, b->lifetime), text(m, b->entry), b->first, b->last));
}

static flatbuffers::Offset<fbs::Manifest> root(Manifest *m, const ManifestHead *h) {
  auto defines = m->fb.CreateVector(m->defines);
  auto states = m->fb.CreateVector(m->states);
  auto kernels = m->fb.CreateVector(m->kernels);
  auto entries = m->fb.CreateVector(m->entries);
  auto buffers = m->fb.CreateVector(m->buffers);
  return fbs::CreateManifest(m->fb, MANIFEST_VERSION, text(m, h->block), text(m, h->description),
                             text(m, h->build), text(m, h->source_hash), text(m, h->cpu_needs), h->batch,
                             h->accumulate, h->arena_bytes, h->live_bytes, h->scratch_bytes, h->max_threads,
                             defines, states, kernels, entries, buffers);
}

unsigned char *manifest_finish(Manifest *m, const ManifestHead *h, size_t *size) {
  end_entry(m);
  fbs::FinishManifestBuffer(m->fb, root(m, h));
  *size = m->fb.GetSize();
  auto *bytes = static_cast<unsigned char *>(std::malloc(*size));
  if (bytes) std::memcpy(bytes, m->fb.GetBufferPointer(), *size);
  delete m;
  return bytes;
}

static double mib(int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

static void show_head(FILE *out, const fbs::Manifest *m) {
  fprintf(out, "%s of %s, built by %s\n", m->block()->c_str(), m->description()->c_str(),
          m->build()->c_str());
  fprintf(out, "source hash  %s\n", m->source_hash()->c_str());
  for (const auto *d : *m->defines()) fprintf(out, "-D %s=%s\n", d->name()->c_str(), d->value()->c_str());
  fprintf(out, "needs        %s\n", m->cpu_needs()->c_str());
  fprintf(out, "batch        %" PRId64 " x %" PRId64 "\n", m->batch(), m->accumulate());
  fprintf(out,
          "memory       %.1f MiB planned (at least %.1f MiB live at once), %.2f MiB more a thread, "
          "at most %d threads\n",
          mib(m->arena_bytes()), mib(m->live_bytes()), mib(m->scratch_bytes()), m->max_threads());
}

static void show_states(FILE *out, const fbs::Manifest *m) {
  fprintf(out, "\n%u states: kind, module, name, slot, shape, bytes from the arena's start\n",
          m->states()->size());
  for (const auto *s : *m->states()) {
    fprintf(out, "  %-6s %-8s %s%s%s %s[", s->kind()->c_str(), s->module_()->c_str(), s->name()->c_str(),
            s->slot()->size() ? " " : "", s->slot()->c_str(), s->dtype()->c_str());
    for (unsigned i = 0; i < s->dim()->size(); i++)
      fprintf(out, "%s%" PRId64, i ? ", " : "", s->dim()->Get(i));
    fprintf(out, "] at %" PRId64 "\n", s->offset());
  }
}

static void show_kernels(FILE *out, const fbs::Manifest *m) {
  fprintf(out, "\n%u kernels: launches, name, source, what they compute\n", m->kernels()->size());
  for (const auto *k : *m->kernels()) {
    fprintf(out, "  %4d %s %s", k->launches(), k->name()->c_str(), k->source()->c_str());
    for (const auto *o : *k->origin()) fprintf(out, " %s", o->c_str());
    fprintf(out, "\n");
  }
}

// A kernel's number is data: it may lie outside the table.
static const char *kernel_name(const fbs::Manifest *m, int k) {
  bool inside = k >= 0 && static_cast<unsigned>(k) < m->kernels()->size();
  return inside ? m->kernels()->Get(static_cast<unsigned>(k))->name()->c_str() : "?";
}

static void show_schedule(FILE *out, const fbs::Manifest *m) {
  for (const auto *e : *m->entries()) {
    fprintf(out, "\nentry %s, %u launches: kernel, what it computes, source, tasks, MFLOP, MB\n",
            e->name()->c_str(), e->launches()->size());
    for (const auto *l : *e->launches())
      fprintf(out, "  %s  %s  %s  %" PRId64 "  %.3f  %.3f\n", kernel_name(m, l->kernel()),
              l->origin()->c_str(), l->source()->c_str(), l->tasks(), l->flop() * 1e-6, l->bytes() * 1e-6);
  }
}

static void show_plan(FILE *out, const fbs::Manifest *m) {
  fprintf(out, "\n%u buffers: offset, bytes, name, lifetime\n", m->buffers()->size());
  for (const auto *b : *m->buffers()) {
    fprintf(out, "  %12" PRId64 " %12" PRId64 "  %s %s", b->offset(), b->bytes(), b->dtype()->c_str(),
            b->name()->c_str());
    if (b->lifetime()->str() == "launches")
      fprintf(out, ", %s %d to %d\n", b->entry()->c_str(), b->first(), b->last());
    else
      fprintf(out, ", %s %s\n", b->lifetime()->c_str(), b->entry()->c_str());
  }
}

namespace {

// The library's own escapes what is no UTF-8 in a way that JSON does not have.
struct JsonVisitor : flatbuffers::ToStringVisitor {
  JsonVisitor() : ToStringVisitor(" ", true, "", true) {
  }

  void String(const flatbuffers::String *str) override {
    TextStream t;
    if (!text_stream_open(&t)) diag_no_memory();
    json_put_string(t.f, str->c_str());
    if (!text_stream_close(&t)) diag_no_memory();
    s += t.text;
    std::free(t.text);
  }
};

} // namespace

static void show_json(FILE *out, const unsigned char *bytes) {
  JsonVisitor visitor;
  flatbuffers::IterateFlatBuffer(bytes, fbs::ManifestTypeTable(), &visitor);
  fprintf(out, "%s\n", visitor.s.c_str());
}

// The verifier checks where a vector starts, not that elements wider than its length lie aligned. (An empty
// one has none to align.)
template <class T> static bool aligned(const flatbuffers::Vector<T> *v) {
  return !v || !v->size() || reinterpret_cast<uintptr_t>(v->Data()) % alignof(T) == 0;
}

static bool elements_aligned(const fbs::Manifest *m) {
  for (const auto *s : *m->states())
    if (!aligned(s->dim())) return false;
  for (const auto *e : *m->entries())
    for (const auto *l : *e->launches())
      if (!aligned(l->word())) return false;
  return true;
}

// What is wrong with the bytes; else nullptr, and the manifest.
static const char *open_manifest(const unsigned char *bytes, size_t size, const fbs::Manifest **m) {
  flatbuffers::Verifier verifier(bytes, size);
  if (size < 8 || !fbs::ManifestBufferHasIdentifier(bytes)) return "this is no manifest of Tessera";
  if (!fbs::VerifyManifestBuffer(verifier)) return "the manifest is damaged";
  *m = fbs::GetManifest(bytes);
  if (!elements_aligned(*m)) return "the manifest is damaged";
  return (*m)->version() == MANIFEST_VERSION ? nullptr : "the manifest is of another version of Tessera";
}

const char *manifest_show(FILE *out, const unsigned char *bytes, size_t size, bool json) {
  const fbs::Manifest *m = nullptr;
  if (const char *fault = open_manifest(bytes, size, &m)) return fault;
  if (json) {
    show_json(out, bytes);
    return nullptr;
  }
  show_head(out, m);
  show_states(out, m);
  show_kernels(out, m);
  show_schedule(out, m);
  show_plan(out, m);
  return nullptr;
}

const char *manifest_show_kernel(FILE *out, const unsigned char *bytes, size_t size, const char *name) {
  const fbs::Manifest *m = nullptr;
  if (const char *fault = open_manifest(bytes, size, &m)) return fault;
  for (const auto *k : *m->kernels()) {
    if (k->name()->str() != name) continue;
    fputs(k->text()->c_str(), out);
    return nullptr;
  }
  return "it has no kernel of that name; without --kernel, inspect lists them";
}
