package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"rouse/notifiers/fake"
)

// door is the public address of a house: it hands each request to the first of its nodes that takes it,
// as a load balancer does.
type door struct {
	*httptest.Server
	client *http.Transport

	mu    sync.Mutex
	nodes []string
}

func openDoor() *door {
	d := &door{client: &http.Transport{DisableKeepAlives: true}} // a connection to a node that died is no use
	d.Server = httptest.NewServer(d.handler())
	return d
}

// lead has requests go to a node too.
func (d *door) lead(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = append(d.nodes, address)
}

// only has requests go to one node.
func (d *door) only(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes = []string{address}
}

func (d *door) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		d.mu.Lock()
		nodes := slices.Clone(d.nodes)
		d.mu.Unlock()
		why := "No node answers."
		for _, address := range nodes {
			out := r.Clone(r.Context())
			out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", address
			out.Body = io.NopCloser(bytes.NewReader(body))
			res, err := d.client.RoundTrip(out)
			if err != nil {
				why += " " + err.Error() + "."
				continue
			}
			defer res.Body.Close()
			for name, values := range res.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body) // the client is gone
			return
		}
		http.Error(w, why, http.StatusBadGateway)
	})
}

// gate stands before a provider and holds what is to be sent: so that somebody can be caught in the
// middle of it. Everything else passes.
type gate struct {
	*httptest.Server
	how        func(n int, to string) holding // the nth to be sent, from 0; to is a number, "" for a push
	everything bool                           // else only what sends

	state  fake.State // around what is below
	sends  int
	held   int
	opened bool
}

// holding is where a gate holds a request.
type holding int

const (
	through  holding = iota
	onTheWay         // the provider has not got it
	onReturn         // the provider has it, and its answer is held
)

func newGate(t *testing.T, provider http.Handler, how func(n int, to string) holding) *gate {
	g := &gate{how: how}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, provider) }))
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, provider http.Handler) {
	body, err := io.ReadAll(r.Body) // to the end, or the server does not notice that the client is gone
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	how := through
	if sends := r.Method == http.MethodPost && (r.URL.Path == "/" || strings.HasSuffix(r.URL.Path, "s.json")); sends || g.everything {
		form, _ := url.ParseQuery(string(body)) // a push is none
		g.state.Update(func() {
			if how = g.how(g.sends, form.Get("To")); g.opened {
				how = through
			}
			g.sends++
		})
	}
	if how == onTheWay && !g.hold(r) {
		return
	}
	answer := httptest.NewRecorder()
	provider.ServeHTTP(answer, r)
	if how == onReturn && !g.hold(r) {
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client is gone
}

// hold waits until the gate is opened, or the client is gone.
func (g *gate) hold(r *http.Request) (opened bool) {
	g.state.Update(func() { g.held++ })
	return g.state.Await(r.Context(), func() bool { return g.opened })
}

// holds is how many it has held so far.
func (g *gate) holds() int {
	g.state.Lock()
	defer g.state.Unlock()
	return g.held
}

// open lets everything through.
func (g *gate) open() { g.state.Update(func() { g.opened = true }) }

// expect waits until so many are held.
func (g *gate) expect(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*soon)
	defer cancel()
	if !g.state.Await(ctx, func() bool { return g.held >= n }) {
		t.Fatalf("the gate holds %d, not %d", g.held, n)
	}
}
