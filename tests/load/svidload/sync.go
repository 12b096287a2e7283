package main

import (
	"context"
	"errors"
	"io"
	"sort"
	"time"

	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// What SPIRE's agent asks for of an entry.
var agentMask = &types.EntryMask{
	SpiffeId: true, Selectors: true, FederatesWith: true, Admin: true, Downstream: true, RevisionNumber: true,
	StoreSvid: true, Hint: true, AdditionalAttributes: true, CreatedAt: true,
}

// agentSync does what SPIRE's agent does: it takes the revisions, or the entries where the list is so
// short that the server sends them at once. One that knows no entry yet asks for all of them, a page at
// a time, in order; one that knows them all asks for none. It gives the number of entries.
func agentSync(ctx context.Context, client entryv1.EntryClient, knowsNone bool) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stream, err := client.SyncAuthorizedEntries(ctx)
	if err != nil {
		return 0, err
	}
	if err := stream.Send(&entryv1.SyncAuthorizedEntriesRequest{OutputMask: agentMask}); err != nil {
		return 0, err
	}
	resp, err := stream.Recv()
	if err != nil || len(resp.EntryRevisions) == 0 {
		return len(resp.GetEntries()), err
	}
	page := len(resp.EntryRevisions)
	var ids []string
	for {
		for _, r := range resp.EntryRevisions {
			ids = append(ids, r.Id)
		}
		if !resp.More {
			break
		}
		if resp, err = stream.Recv(); err != nil {
			return 0, err
		}
	}
	all, got := len(ids), 0
	sort.Strings(ids)
	for knowsNone && len(ids) > 0 {
		n := min(page, len(ids))
		if err := stream.Send(&entryv1.SyncAuthorizedEntriesRequest{Ids: ids[:n]}); err != nil {
			return 0, err
		}
		ids = ids[n:]
		for more := true; more; more = resp.More {
			if resp, err = stream.Recv(); err != nil {
				return 0, err
			}
			got += len(resp.Entries)
		}
	}
	stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return 0, err
	}
	if knowsNone && got != all {
		return got, errors.New("the server names entries that it does not give")
	}
	return all, nil
}
