package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	agentv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/agent/v1"
	bundlev1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/bundle/v1"
	entryv1 "github.com/spiffe/spire-api-sdk/proto/spire/api/server/entry/v1"
	"github.com/spiffe/spire-api-sdk/proto/spire/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// runIdle joins as many agents, each on a connection of its own, and polls as they do while nothing
// changes. It prints "idle_joined" when all have joined, reads a line of standard input before it
// creates the entries and another before it ends, and prints a case for each of the two spans.
func runIdle(args []string) error {
	fs := flag.NewFlagSet("idle", flag.ExitOnError)
	var c serverCfg
	fs.StringVar(&c.socket, "socket", "", "server admin socket path")
	addrs := fs.String("addr", "127.0.0.1:8081", "TCP addresses of the servers, agents in turn, with commas")
	fs.StringVar(&c.td, "td", "example.org", "trust domain")
	fs.IntVar(&c.pid, "pid", 0, "server process id, for CPU and memory figures")
	fs.IntVar(&c.conc, "conc", 8, "agents that join, and batches that are created, at once")
	agents := fs.Int("agents", 1000, "agents")
	entries := fs.Int("entries", 100000, "entries, spread over the agents")
	interval := fs.Duration("interval", 5*time.Second, "between two polls of an agent")
	fs.Parse(args)
	servers := strings.Split(*addrs, ",")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	admin, err := grpc.NewClient("unix:"+c.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer admin.Close()

	fleet := &fleet{parents: make([]*types.SPIFFEID, *agents)}
	var polling sync.WaitGroup
	err = each(*agents, c.conc, func(n int) error {
		tok, err := agentv1.NewAgentClient(admin).CreateJoinToken(ctx, &agentv1.CreateJoinTokenRequest{Ttl: 600})
		if err != nil {
			return err
		}
		at := c
		at.addr = servers[n%len(servers)]
		conn, err := attest(ctx, at, tok.Value)
		if err != nil {
			return err
		}
		fleet.parents[n] = &types.SPIFFEID{TrustDomain: c.td, Path: "/spire/agent/join_token/" + tok.Value}
		// As an agent that has just started.
		if _, err = agentv1.NewAgentClient(conn).PostStatus(ctx, &agentv1.PostStatusRequest{AgentVersion: "1.15.3"}); err != nil {
			return err
		}
		polling.Go(func() {
			defer conn.Close()
			fleet.poll(ctx, conn, *interval)
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	report{Case: "idle_joined", Ops: *agents}.print()

	input := bufio.NewReader(os.Stdin)
	span := func(name string) {
		before, polls, failed, start := procUsage(c.pid), fleet.polls.Load(), fleet.failed.Load(), time.Now()
		input.ReadString('\n')
		first, _ := fleet.first.Load().(string)
		emit(name, int(fleet.polls.Load()-polls), time.Since(start), before, c.pid, nil, int(fleet.failed.Load()-failed),
			errorOrNil(first), fmt.Sprintf("%d entries in the agents' latest lists", fleet.listed.Load()))
	}
	span("idle_without_entries")
	ec := entryv1.NewEntryClient(admin)
	const per = 500
	err = each((*entries+per-1)/per, c.conc, func(batch int) error {
		req := &entryv1.BatchCreateEntryRequest{OutputMask: &types.EntryMask{}}
		for i := batch * per; i < min(batch*per+per, *entries); i++ {
			req.Entries = append(req.Entries, loadEntry(c.td, fleet.parents[i%*agents], i))
		}
		resp, err := ec.BatchCreateEntry(ctx, req)
		for _, r := range resp.GetResults() {
			if r.Status.Code != 0 {
				return fmt.Errorf("code %d: %s", r.Status.Code, r.Status.Message)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	for fleet.listed.Load() < int64(*entries) { // every agent has polled since
		time.Sleep(100 * time.Millisecond)
	}
	report{Case: "idle_created", Ops: *entries}.print()
	span("idle_with_entries")
	stop()
	polling.Wait()
	return nil
}

// fleet is what the agents have in common.
type fleet struct {
	parents       []*types.SPIFFEID
	polls, failed atomic.Int64
	listed        atomic.Int64 // entries, of the latest poll of each agent
	first         atomic.Value // the words of the first failure
}

// poll does what SPIRE's agent does every few seconds: it compares its entries and takes the bundle.
func (f *fleet) poll(ctx context.Context, conn *grpc.ClientConn, interval time.Duration) {
	known := 0
	for wait := rand.N(interval); ; wait = interval {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		n, err := agentSync(ctx, entryv1.NewEntryClient(conn), false)
		if err == nil {
			_, err = bundlev1.NewBundleClient(conn).GetBundle(ctx, &bundlev1.GetBundleRequest{})
		}
		if err != nil {
			if ctx.Err() == nil {
				f.failed.Add(1)
				f.first.CompareAndSwap(nil, err.Error())
			}
			continue
		}
		f.listed.Add(int64(n - known))
		known = n
		f.polls.Add(1)
	}
}

// each calls f for 0 to n-1, conc at once, and gives the first error.
func each(n, conc int, f func(int) error) error {
	var next atomic.Int64
	var first atomic.Value
	var wg sync.WaitGroup
	for range conc {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && first.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					first.CompareAndSwap(nil, err.Error())
				}
			}
		})
	}
	wg.Wait()
	words, _ := first.Load().(string)
	return errorOrNil(words)
}

func errorOrNil(words string) error {
	if words == "" {
		return nil
	}
	return errors.New(words)
}
