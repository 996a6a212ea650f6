// Command sdk drives the client libraries of PagerDuty and Opsgenie against a server that stands in for both,
// and writes a line of JSON for each call: what the library made of the answer. It decides nothing; the test
// that runs it does. It is a module of its own, so that Rouse depends on none of this.
//
//	go run . pagerduty|opsgenie http://HOST:PORT KEY PERSON
//
// Where it is to wait for the test it says so in a line, and reads one.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"github.com/opsgenie/opsgenie-go-sdk-v2/client"
)

// target is whom to call, and who does it.
type target struct {
	base   *url.URL
	key    string
	person string // known there
}

const noKey = "R0000000000000000000000000000000" // is known nowhere

func main() {
	drive := map[string]func(context.Context, target) error{"pagerduty": drivePagerDuty, "opsgenie": driveOpsgenie}
	if len(os.Args) != 5 || drive[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go run . pagerduty|opsgenie http://HOST:PORT KEY PERSON")
		os.Exit(2)
	}
	base, err := url.Parse(os.Args[2])
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		sayVersions()
		err = drive[os.Args[1]](ctx, target{base: base, key: os.Args[3], person: os.Args[4]})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// line is what became of a call.
type line struct {
	Call   string `json:"call"`
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
	Status int    `json:"status,omitempty"` // of HTTP, if the library told it of a failure
}

func say(call string, result any, err error) {
	out := line{Call: call, Result: result}
	if err != nil {
		out.Result, out.Error = nil, err.Error()
	}
	if e, ok := errors.AsType[*client.ApiError](err); ok {
		out.Status = e.StatusCode
	}
	if e, ok := errors.AsType[pagerduty.EventsAPIV2Error](err); ok {
		out.Status = e.StatusCode
	}
	if e, ok := errors.AsType[pagerduty.APIError](err); ok {
		out.Status = e.StatusCode
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// sayVersions tells which libraries these are.
func sayVersions() {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			versions[dep.Path] = dep.Version
		}
	}
	say("versions", versions, nil)
}

var stdin = bufio.NewReader(os.Stdin)

// wait lets the test look at what there is, or change it.
func wait(what string) error {
	say("wait", what, nil)
	_, err := stdin.ReadString('\n')
	return err
}
