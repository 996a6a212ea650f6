package rest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5"

	"rouse/api/problem"
	"rouse/engine/enginedb"
	"rouse/rosters/rosterdb"
)

// Change makes the handler of an operation that changes what is kept of people, rosters and services. All
// of it is one transaction: the change, what is worked out of it, and the answer under its Idempotency-Key.
// Of a dry run the transaction is given up.
func (a *API) Change(method, path string, need Need, call Call) func(http.ResponseWriter, *http.Request, Caller) {
	return func(w http.ResponseWriter, r *http.Request, c Caller) {
		w.Header().Set("Cache-Control", "no-store")
		contract := theContract()
		op := contract.Operations[method+" "+path]
		r, p := contract.check(op, w, r, mux.Vars(r))
		if p != nil {
			problem.Write(w, p)
			return
		}
		answer, err := a.change(r, c, need, path, op, call)
		if err != nil {
			a.Fail(w, r, err)
			return
		}
		answer.write(w)
	}
}

// answer is a response that is not given yet: what it stands for may not come about.
type answer struct {
	Status int             `json:"status"`
	Head   http.Header     `json:"header,omitempty"` // beside what every answer has
	Body   json.RawMessage `json:"body,omitempty"`
}

// recorder takes an answer down.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (rec *recorder) Header() http.Header { return rec.header }

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
}

func (rec *recorder) Write(b []byte) (int, error) {
	rec.WriteHeader(http.StatusOK)
	return rec.body.Write(b)
}

func (rec *recorder) answer() *answer {
	return &answer{Status: rec.status, Head: rec.header, Body: json.RawMessage(bytes.TrimSpace(rec.body.Bytes()))}
}

func (a *answer) write(w http.ResponseWriter) {
	for name, values := range a.Head {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 {
		_, _ = w.Write(append(a.Body, '\n')) // the client is gone: nobody is left to tell
	}
}

// errGivenUp rolls a transaction back whose answer counts all the same.
var errGivenUp = errors.New("given up")

func (a *API) change(r *http.Request, c Caller, need Need, path string, op *operation, call Call) (given *answer, err error) {
	ctx, query := r.Context(), r.URL.Query()
	dry := query.Get("dry_run") == "true"
	id := r.Header.Get("Idempotency-Key")
	if dry || !op.takes("Idempotency-Key") {
		id = ""
	}
	leave, err := a.enter(ctx, path)
	if err != nil {
		return nil, err
	}
	defer leave()
	err = pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		tied := a.on(tx)
		if id != "" {
			done, err := tied.incidents.BeginRequest(ctx, c.Key, id, digest(r))
			if errors.Is(err, enginedb.ErrOther) {
				return problem.Conflict.Because("The Idempotency-Key was used for another request within the last day. Choose another one.")
			}
			if err != nil {
				return err
			}
			if done != nil {
				given = &answer{}
				return json.Unmarshal(done, given)
			}
		}
		if err := tied.may(ctx, c, need, r); err != nil {
			return err
		}
		if err := tied.lock(ctx, path); err != nil {
			return err
		}
		view, err := tied.view(ctx, r, path)
		if err != nil {
			return err
		}
		rec := &recorder{header: http.Header{}}
		tied.serve(rec, r, handlers{tied, c, postedTeam(r), view}, call)
		given = rec.answer()
		if given.Status >= http.StatusMultipleChoices {
			return errGivenUp
		}
		effects, err := view.effects(ctx, tied)
		if err != nil {
			return err
		}
		if op.takes("force") && query.Get("force") != "true" && !dry {
			if err := effects.refusal(); err != nil {
				return err
			}
		}
		if dry {
			if given, err = given.dry(effects); err != nil {
				return err
			}
			return errGivenUp
		}
		if given, err = given.with(effects); err != nil || id == "" {
			return err
		}
		kept, err := json.Marshal(given)
		if err != nil {
			return err
		}
		return tied.incidents.EndRequest(ctx, c.Key, id, kept)
	})
	if errors.Is(err, errGivenUp) {
		err = nil
	}
	return given, err
}

// How many changes are made at the same time; more wait at a door. One of the whole configuration may take
// seconds, in which those that wait for it must not have all connections: whoever sends an alert or acknowledges
// needs one.
const (
	maxChanging = 4 // parts of the configuration
	maxBeside   = 3 // shifts and keys, which wait for nobody
)

// doors are where changes wait for their turn.
type doors struct{ whole, parts, beside chan struct{} }

func newDoors() doors {
	return doors{make(chan struct{}, 1), make(chan struct{}, maxChanging), make(chan struct{}, maxBeside)}
}

// enter waits for a place among those who change something; leave gives it back.
func (a *API) enter(ctx context.Context, path string) (leave func(), err error) {
	door := a.doors.parts
	switch {
	case path == configurationPath:
		door = a.doors.whole
	case isBeside(path):
		door = a.doors.beside
	}
	select {
	case door <- struct{}{}:
		return func() { <-door }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(patience):
		return nil, problem.Unavailable.Because("Too many changes are made at the same time. Try again.")
	}
}

// patience is how long a change waits for its turn.
const patience = 10 * time.Second

// beside are the parts of routes to what is no part of the configuration: shifts are taken and swapped while
// that is being changed as a whole.
var beside = []string{"}/overrides", "}/swaps", "}/feeds", "}/keys", "}/heartbeats", "}/maintenance"}

func isBeside(path string) bool {
	return slices.ContainsFunc(beside, func(part string) bool { return strings.Contains(path, part) })
}

// lock keeps the whole configuration as it is while it is changed as a whole: whoever changes a part of it
// does so before, or after.
func (a *API) lock(ctx context.Context, path string) error {
	if err := a.rosters.Unhurried(ctx); err != nil {
		return err
	}
	switch {
	case path == configurationPath:
		return a.rosters.TakeConfiguration(ctx)
	case isBeside(path):
		return nil
	}
	return a.rosters.ShareConfiguration(ctx)
}

// on is the API on a transaction.
func (a *API) on(tx pgx.Tx) *API {
	tied := *a
	tied.db, tied.rosters, tied.incidents = tx, rosterdb.New(tx), enginedb.New(tx)
	return &tied
}

// digest tells requests apart.
func digest(r *http.Request) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n%s\n", r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"))
	if body, ok := r.Body.(checkedBody); ok {
		h.Write(body.text)
	}
	return h.Sum(nil)
}

// rehearsed is the document's Rehearsed, which no operation answers by its own word.
type rehearsed struct {
	DryRun  bool            `json:"dry_run"`
	Status  int             `json:"status"`
	Result  json.RawMessage `json:"result,omitempty"`
	Effects Effects         `json:"effects"`
}

// dry is the answer of a dry run.
func (a *answer) dry(e *Effects) (*answer, error) {
	body, err := json.Marshal(rehearsed{DryRun: true, Status: a.Status, Result: a.Body, Effects: e.orNone()})
	return &answer{Status: http.StatusOK, Head: http.Header{"Content-Type": {"application/json"}}, Body: body}, err
}

// with adds to an answer what comes of it, if anything does.
func (a *answer) with(e *Effects) (*answer, error) {
	if e == nil || len(a.Body) == 0 {
		return a, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(a.Body, &fields); err != nil {
		return nil, err
	}
	var err error
	if fields["effects"], err = json.Marshal(e); err != nil {
		return nil, err
	}
	a.Body, err = json.Marshal(fields)
	return a, err
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, h handlers, call Call) {
	options := StrictHTTPServerOptions{RequestErrorHandlerFunc: a.unreadable, ResponseErrorHandlerFunc: a.Fail}
	call(&ServerInterfaceWrapper{
		Handler:          NewStrictHandlerWithOptions(h, nil, options),
		ErrorHandlerFunc: a.unreadable,
	}, w, r)
}
