package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"time"

	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
)

// createLoop creates entries without end and prints {"acknowledged": [IDs]} for each answer it got,
// so that a test can tell what the server has promised to keep. It outlives the server: a failed
// call is tried again on a new connection with new entries.
func createLoop(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("create-loop", flag.ExitOnError)
	d := dialFlags(fs)
	conc := fs.Int("conc", 4, "callers")
	batch := fs.Int("batch", 5, "entries a call")
	parent := fs.String("parent", "/node", "path of the parent")
	td := fs.String("td", "example.org", "trust domain")
	pause := fs.Duration("pause", 0, "rest of a caller between calls")
	prefix := fs.String("prefix", "", "start of every entry ID")
	uid := fs.Uint("uid", 4000000000, "whose entries they are; the default is nobody's")
	count := fs.Int("count", 0, "calls of a caller; 0: no end")
	fs.Parse(args)
	selectors := func(name string) []*types.Selector {
		own := []*types.Selector{{Type: "unix", Value: fmt.Sprintf("uid:%d", *uid)}}
		if *uid != 4000000000 {
			return own
		}
		return append(own, &types.Selector{Type: "load", Value: name})
	}
	var wg sync.WaitGroup
	for worker := range *conc {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil && (*count == 0 || n < *count); n++ {
				time.Sleep(*pause)
				name := fmt.Sprintf("%s%d-%d", *prefix, worker, n)
				createOnce(ctx, d, *td, *parent, name, selectors(name), *batch)
			}
		})
	}
	wg.Wait()
	return nil
}

func createOnce(ctx context.Context, d dialer, td, parent, name string, selectors []*types.Selector, batch int) {
	cc, err := d.dial()
	if err != nil {
		return
	}
	defer cc.Close()
	request := &entryv1.BatchCreateEntryRequest{}
	for i := range batch {
		request.Entries = append(request.Entries, &types.Entry{
			Id:        fmt.Sprintf("%s-%d", name, i),
			SpiffeId:  &types.SPIFFEID{TrustDomain: td, Path: fmt.Sprintf("/load/%s/%d", name, i)},
			ParentId:  &types.SPIFFEID{TrustDomain: td, Path: parent},
			Selectors: selectors,
		})
	}
	limit, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := entryv1.NewEntryClient(cc).BatchCreateEntry(limit, request)
	if err != nil {
		time.Sleep(20 * time.Millisecond)
		return
	}
	ids := []string{}
	for _, result := range r.Results {
		if result.Status.Code == 0 {
			ids = append(ids, result.Entry.Id)
		}
	}
	emit(map[string]any{"acknowledged": ids, "time": time.Now()})
}
