//go:build system

// Against a running system, which tests/integration/test_go_client.py starts:
// USHER_TEST_SERVERS (two, separated by a comma), USHER_TEST_KEY, and USHER_TEST_VICTIM, the process
// id of the first of them, which is killed.
package usher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"usher.internal/usher"
	"usher.internal/usher/usherv1"
)

func newClient() *usher.Client {
	client, err := usher.New(usher.Config{
		Servers:    strings.Split(os.Getenv("USHER_TEST_SERVERS"), ","),
		Credential: os.Getenv("USHER_TEST_KEY"),
	})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func Example() {
	ctx := context.Background()
	client, err := usher.New(usher.Config{
		Servers:    strings.Split(os.Getenv("USHER_TEST_SERVERS"), ","),
		Credential: os.Getenv("USHER_TEST_KEY"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	reply, err := client.Context().Resolve(ctx, &usherv1.ResolveRequest{Message: "Hello"})
	if err != nil {
		log.Fatal(err)
	}
	for _, segment := range reply.GetContext().GetSegments() {
		if strings.Contains(segment.GetText(), "Hello") {
			fmt.Println("the message is in the block")
		}
	}
	// Output: the message is in the block
}

func ExampleError() {
	client := newClient()
	defer client.Close()
	_, err := client.Context().GetProfile(context.Background(),
		&usherv1.GetProfileRequest{UserId: "ext:nobody"})
	var failure *usher.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Code, failure.Attempts)
	}
	fmt.Println(errors.Is(err, usher.NotFound))
	// Output:
	// NOT_FOUND 1
	// true
}

func ExampleSession() {
	ctx := context.Background()
	client := newClient()
	defer client.Close()
	flow := client.With(usher.InSession(&usher.Session{}))
	_, err := flow.Context().PutProfile(ctx,
		&usherv1.PutProfileRequest{Profile: &usherv1.Profile{Company: "Example Inc."}},
		usher.IdempotencyKey(usher.NewIdempotencyKey()))
	if err != nil {
		log.Fatal(err)
	}
	reply, err := flow.Context().GetProfile(ctx, &usherv1.GetProfileRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.GetProfile().GetCompany())
	// Output: Example Inc.
}

func ExampleClient_Batch() {
	client := newClient()
	defer client.Close()
	profile := &usherv1.GetProfileReply{}
	items := []*usher.Item{
		{
			Method:  "usher.v1.ContextService/PutProfile",
			Request: &usherv1.PutProfileRequest{Profile: &usherv1.Profile{Role: "Tester"}},
			Reply:   profile,
			Options: []usher.Option{usher.IdempotencyKey(usher.NewIdempotencyKey())},
		},
		{
			Method:  "usher.v1.ContextService/GetProfile",
			Request: &usherv1.GetProfileRequest{UserId: "ext:nobody"},
			Reply:   &usherv1.GetProfileReply{},
		},
	}
	if err := client.Batch(context.Background(), items); err != nil {
		log.Fatal(err)
	}
	fmt.Println(profile.GetProfile().GetRole(), items[0].Err)
	fmt.Println(errors.Is(items[1].Err, usher.NotFound))
	// Output:
	// Tester <nil>
	// true
}

func TestARefusalNamesTheField(t *testing.T) {
	client := newClient()
	defer client.Close()
	_, err := client.Context().PutProfile(context.Background(), &usherv1.PutProfileRequest{
		Profile: &usherv1.Profile{Company: strings.Repeat("x", 201)}})
	var failure *usher.Error
	if !errors.As(err, &failure) || len(failure.Violations) != 1 ||
		failure.Violations[0].Field != "profile.company" {
		t.Fatal(err)
	}
}

// A key given twice gets the first one's answer, also from the other server.
func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	client := newClient()
	defer client.Close()
	key := usher.IdempotencyKey(usher.NewIdempotencyKey())
	var versions [2]int64
	var infos [2]usher.Info
	for i := range versions {
		reply, err := client.Context().PutProfile(context.Background(),
			&usherv1.PutProfileRequest{Profile: &usherv1.Profile{About: "written once"}}, key,
			usher.WithInfo(&infos[i]))
		if err != nil {
			t.Fatal(err)
		}
		versions[i] = reply.GetProfile().GetVersion()
	}
	if versions[0] != versions[1] || infos[0].Replayed || !infos[1].Replayed {
		t.Fatal(versions, infos)
	}
}

// The last of the tests: it leaves one server.
func TestZNobodyNoticesThatAServerIsKilled(t *testing.T) {
	victim, err := strconv.Atoi(os.Getenv("USHER_TEST_VICTIM"))
	if err != nil {
		t.Fatal(err)
	}
	client := newClient()
	defer client.Close()
	ask := func() {
		_, err := client.Context().Resolve(context.Background(), &usherv1.ResolveRequest{Message: "Hello"})
		if err != nil {
			t.Error(err)
		}
	}
	half, all := sync.WaitGroup{}, sync.WaitGroup{}
	for i := 0; i < 8; i++ {
		half.Add(1)
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < 200; n++ {
				if n == 100 {
					half.Done()
				}
				ask()
			}
		}()
	}
	half.Wait()
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}
