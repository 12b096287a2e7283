package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const secretService = "envoy.service.secret.v3.SecretDiscoveryService"

// sds makes one call of Envoy's SDS. The lines of standard input are requests in JSON, in which
// $nonce stands for that of the last answer, or
//
//	wait N   until there were N answers in all
//	quiet D  for so long, in which no answer may come
//	close    half-close
//
// At the end of the input the call is cancelled, unless -stay; what was answered comes as JSON, a line
// each, and then {"code", "message"}. The messages are those of a file of descriptors.
func sds(ctx context.Context, args []string) error {
	fs, socket, timeout := flags("sds")
	file := fs.String("descriptors", "", "FileDescriptorSet")
	name := fs.String("method", "StreamSecrets", "StreamSecrets, FetchSecrets, DeltaSecrets")
	stay := fs.Bool("stay", false, "go on until the server ends the call, or the limit")
	fs.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	method, types, err := secretMethod(*file, *name)
	if err != nil {
		return err
	}
	none := ""
	cc, err := dialer{socket, &none, &none}.dial()
	if err != nil {
		return err
	}
	defer cc.Close()
	shape := &grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer()}
	stream, err := cc.NewStream(ctx, shape, "/"+secretService+"/"+*name)
	if err != nil {
		return err
	}
	s := &secretCall{stream: stream, method: method, types: types, over: make(chan error, 1), more: make(chan struct{}, 1024)}
	go s.receive()
	err = s.follow(ctx)
	if err == nil && *stay {
		err = <-s.over
	} else if err == nil {
		cancel()
		if err = <-s.over; status.Code(err).String() == "Canceled" {
			err = nil
		}
	}
	if err == io.EOF {
		err = nil
	}
	st, _ := status.FromError(err)
	emit(map[string]any{"code": st.Code().String(), "message": st.Message(), "messages": s.count()})
	return nil
}

// secretMethod finds the method and all message types in a file of descriptors.
func secretMethod(file, name string) (protoreflect.MethodDescriptor, *dynamicpb.Types, error) {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		return nil, nil, err
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, nil, err
	}
	found, err := files.FindDescriptorByName(secretService)
	if err != nil {
		return nil, nil, err
	}
	method := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
	if method == nil {
		return nil, nil, fmt.Errorf("no method %s", name)
	}
	return method, dynamicpb.NewTypes(files), nil
}

type secretCall struct {
	stream grpc.ClientStream
	method protoreflect.MethodDescriptor
	types  *dynamicpb.Types
	over   chan error
	more   chan struct{} // one for each answer

	mu      sync.Mutex
	answers int
	awaited int
	nonce   string
}

func (s *secretCall) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

func (s *secretCall) receive() {
	for {
		m := dynamicpb.NewMessage(s.method.Output())
		if err := s.stream.RecvMsg(m); err != nil {
			s.over <- err
			return
		}
		b, err := protojson.MarshalOptions{Resolver: s.types}.Marshal(m)
		if err != nil {
			s.over <- err
			return
		}
		printing.Lock()
		fmt.Printf("{\"answer\":%s}\n", b)
		printing.Unlock()
		s.mu.Lock()
		s.answers++
		s.nonce = m.Get(s.method.Output().Fields().ByName("nonce")).String()
		s.mu.Unlock()
		s.more <- struct{}{}
		if !s.method.IsStreamingServer() {
			s.over <- nil
			return
		}
	}
}

// follow does what standard input says; nil too when the call ended before.
func (s *secretCall) follow(ctx context.Context) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case "wait":
			n, err := strconv.Atoi(rest)
			if err != nil {
				return err
			}
			if ended, err := s.wait(n); ended {
				return err
			}
		case "quiet":
			d, err := time.ParseDuration(rest)
			if err != nil {
				return err
			}
			select {
			case <-s.more:
				return errors.New("an answer came that was not expected")
			case <-time.After(d):
			}
		case "close":
			if err := s.stream.CloseSend(); err != nil {
				return err
			}
		default:
			if err := s.send(line); err != nil {
				return err
			}
		}
	}
	if !s.method.IsStreamingClient() {
		if err := s.stream.CloseSend(); err != nil {
			return err
		}
		_, err := s.wait(1)
		return err
	}
	return lines.Err()
}

// wait: true when the call is over, with how it ended left for whoever asks next.
func (s *secretCall) wait(n int) (bool, error) {
	for s.awaited < n {
		select {
		case <-s.more:
			s.awaited++
		case err := <-s.over:
			select {
			case <-s.more: // it came before the end
				s.awaited++
				s.over <- err
				continue
			default:
			}
			s.over <- err
			return true, nil
		}
	}
	return false, nil
}

func (s *secretCall) send(line string) error {
	s.mu.Lock()
	line = strings.ReplaceAll(line, "$nonce", s.nonce)
	s.mu.Unlock()
	m := dynamicpb.NewMessage(s.method.Input())
	if err := (protojson.UnmarshalOptions{Resolver: s.types}).Unmarshal([]byte(line), m); err != nil {
		return err
	}
	if err := s.stream.SendMsg(m); err != nil && !errors.Is(err, io.EOF) { // EOF: RecvMsg has the reason
		return err
	}
	return nil
}
