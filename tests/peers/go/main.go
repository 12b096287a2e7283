// Command spiffe-probe looks at a Workload API or a SPIRE API from outside, with go-spiffe and
// grpc-go: clients that are not ours. The tests start it, often under another uid, and read the
// JSON objects it prints, one a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"sync"
	"syscall"
)

var commands = map[string]struct {
	run  func(context.Context, []string) error
	help string
}{
	"fetch-x509":    {fetchX509, "the X509-SVIDs of one response"},
	"watch-x509":    {watchX509, "a line for each update or error of an X509 watch"},
	"watch-many":    {watchMany, "a line for the first update or refusal of each of many streams"},
	"fetch-jwt":     {fetchJWT, "the JWT-SVIDs for an audience"},
	"validate-jwt":  {validateJWT, "what the Workload API says of a token"},
	"fetch-bundles": {fetchBundles, "X.509 and JWT bundles"},
	"raw":           {raw, "one Workload API call without go-spiffe's care, with its status"},
	"mtls-server":   {mtlsServer, "accept mutual TLS with an X509Source and count"},
	"mtls-client":   {mtlsClient, "make mutual TLS connections at a rate and count"},
	"call":          {call, "any SPIRE API method, request in JSON on standard input"},
	"join":          {join, "attest as an agent with a join token; writes svid.pem, key.pem, bundle.pem"},
	"cross":         {cross, "verify SVIDs of one agent with the bundle of another, at a rate"},
	"create-loop":   {createLoop, "create entries without end, print those acknowledged"},
	"sds":           {sds, "one SDS call, steered from standard input, with every answer"},
	"csr":           {csr, "print a new certificate request, base64 of DER"},
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]].run == nil {
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: spiffe-probe COMMAND [flags]   (-h after a command for its flags)")
		for _, name := range names {
			fmt.Fprintf(os.Stderr, "  %-14s %s\n", name, commands[name].help)
		}
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := commands[os.Args[1]].run(ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "spiffe-probe:", err)
		stop()
		os.Exit(1)
	}
}

var printing sync.Mutex

// emit prints one JSON object as a line; callers may be concurrent.
func emit(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	printing.Lock()
	defer printing.Unlock()
	os.Stdout.Write(append(b, '\n'))
}
