#include "entry_sync.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "api_status.h"
#include "entry_wire.h"
#include "spire/api/server/entry/v1/entry.pb.h"

namespace signet::server {
namespace {

namespace api = ::spire::api::server::entry::v1;

constexpr std::size_t kPageSize = 500;
// Real agents take answers of 4 MiB at most; a page is cut before that.
constexpr std::size_t kPageBytes = 3 << 20;
constexpr uint32_t kRevisionsField = 1;  // of SyncAuthorizedEntriesResponse
constexpr uint32_t kEntriesField = 2;
constexpr uint32_t kMoreField = 3;

// One call. All its functions run one at a time, as the transport promises.
class EntrySync : public std::enable_shared_from_this<EntrySync> {
 public:
  EntrySync(std::shared_ptr<CallContext> call, std::vector<IndexedPtr> entries, uint32_t fields)
      : call_(std::move(call)), entries_(std::move(entries)), fields_(fields) {}

  void start() {
    if (entries_.size() <= kPageSize) {
      std::string page;
      for (const IndexedPtr& entry : entries_) append_entry(*entry, page);
      if (page.size() <= kPageBytes) {
        (void)call_->call().send(call_->host().blob(page));
        call_->finish({});
        return;
      }
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const auto& a, const auto& b) { return a->id < b->id; });
    const auto self = shared_from_this();
    call_->call().on_message = [self](std::string_view bytes) { self->request(bytes); };
    call_->call().on_half_close = [self] { self->client_done(); };
    call_->call().on_writable = [self] { self->pump(); };
    next_ = [this, at = std::size_t{0}]() mutable { return revision_page(at); };
    pump();
  }

 private:
  struct Page {
    std::string bytes;
    bool last = false;
  };

  void append_entry(const IndexedEntry& entry, std::string& page) const {
    std::string masked;
    append_masked_entry(entry.encoded, fields_, masked);
    append_field(kEntriesField, masked, page);
  }
  static void append_more(std::string& page) {
    page.append({static_cast<char>(kMoreField << 3), '\x01'});
  }

  Page revision_page(std::size_t& at) const {
    Page page;
    const std::size_t end = std::min(at + kPageSize, entries_.size());
    api::EntryRevision revision;
    for (; at < end; ++at) {
      revision.set_id(std::string(entries_[at]->id));
      revision.set_revision_number(entries_[at]->revision_number);
      revision.set_created_at(entries_[at]->created_at);
      append_field(kRevisionsField, revision.SerializeAsString(), page.bytes);
    }
    page.last = at == entries_.size();
    if (!page.last) append_more(page.bytes);
    return page;
  }

  Page entry_page(std::deque<IndexedPtr>& wanted) const {
    Page page;
    for (std::size_t n = 0; n < kPageSize && !wanted.empty() && page.bytes.size() < kPageBytes;
         ++n) {
      append_entry(*wanted.front(), page.bytes);
      wanted.pop_front();
    }
    page.last = wanted.empty();
    if (!page.last) append_more(page.bytes);
    return page;
  }

  void request(std::string_view bytes) {
    api::SyncAuthorizedEntriesRequest request;
    if (!call_->call().parse(bytes, request)) return;
    std::deque<IndexedPtr> wanted;
    for (const std::string& id : request.ids()) {
      const auto it =
          std::lower_bound(entries_.begin(), entries_.end(), id,
                           [](const IndexedPtr& e, const std::string& i) { return e->id < i; });
      if (it != entries_.end() && (*it)->id == id) wanted.push_back(*it);
    }
    next_ = [this, wanted = std::move(wanted)]() mutable { return entry_page(wanted); };
    pump();
  }

  void client_done() {
    client_done_ = true;
    if (!next_ && !pending_) call_->finish({});
  }

  // Sends pages until the phase is over or the agent reads too slowly.
  void pump() {
    while (pending_ || next_) {
      if (!pending_) {
        const Page page = next_();
        pending_ = call_->host().blob(page.bytes);
        if (page.last) next_ = nullptr;
      }
      const Status sent = call_->call().send(pending_);
      if (sent.code() == Code::kResourceExhausted) return;  // on_writable comes
      pending_ = Blob();
      if (!sent.ok()) return;
    }
    if (client_done_) {
      call_->finish({});
    } else {
      call_->call().read();
    }
  }

  std::shared_ptr<CallContext> call_;
  std::vector<IndexedPtr> entries_;  // sorted by id
  uint32_t fields_;
  std::function<Page()> next_;  // the phase's next page; empty between phases
  Blob pending_;
  bool client_done_ = false;
};

}  // namespace

void start_entry_sync(std::shared_ptr<CallContext> call, const EntryIndex& index,
                      std::string_view first) {
  api::SyncAuthorizedEntriesRequest request;
  if (!call->call().parse(first, request)) return;
  if (request.ids_size() > 0) {
    call->finish(api_error(call->host(), Code::kInvalidArgument,
                           "specifying IDs on initial request is not supported"));
    return;
  }
  if (request.has_output_mask() && !request.output_mask().revision_number()) {
    call->finish(
        api_error(call->host(), Code::kInvalidArgument, "revision number cannot be masked"));
    return;
  }
  const uint32_t fields =
      entry_fields(request.has_output_mask() ? &request.output_mask() : nullptr);
  auto entries = index.authorized(call->caller_id().to_string());
  std::make_shared<EntrySync>(std::move(call), std::move(entries), fields)->start();
}

}  // namespace signet::server
