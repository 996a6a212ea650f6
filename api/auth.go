package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"rouse/api/problem"
	"rouse/api/rest"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// access says who may come to a route.
type access string

// Whoever has a key with the scope, or with one that includes it.
const (
	read    = access(enginedb.ScopeRead)
	respond = access(enginedb.ScopeRespond)
	intakes = access(enginedb.ScopeIntake)
	admin   = access(enginedb.ScopeAdmin)
)

// Whoever has a key with the scope respond that is bound to a person: an owner or a member of the team that
// owns what the request is about, or the person that it is about. Whoever has the scope admin may as well.
const (
	owner  = access(rest.NeedOwner)
	member = access(rest.NeedMember)
	self   = access(rest.NeedSelf)
)

var needs = map[access]rest.Need{owner: rest.NeedOwner, member: rest.NeedMember, self: rest.NeedSelf}

// intakes is whoever shows an integration key: package intake looks for it where the dialect puts it, and
// refuses in the dialect's words.

// Whoever comes without a key.
const (
	public access = "public" // anybody: nothing of people or incidents is told
	signed access = "signed" // a provider, whose signature the handler verifies
	secret access = "secret" // whoever knows the secret in the path, which the handler looks up
)

// includes lists the scopes that hold what a route asks for. Admin is everything, respond may read, and
// a sender's key, which lies about in other systems' configuration, sends alerts, reads what became of those of
// its own service where the dialect asks for that, and no more.
var includes = map[access][]enginedb.Scope{
	read:    {enginedb.ScopeRead, enginedb.ScopeRespond, enginedb.ScopeAdmin},
	respond: {enginedb.ScopeRespond, enginedb.ScopeAdmin},
	intakes: {enginedb.ScopeIntake, enginedb.ScopeAdmin},
	admin:   {enginedb.ScopeAdmin},
	owner:   {enginedb.ScopeRespond, enginedb.ScopeAdmin},
	member:  {enginedb.ScopeRespond, enginedb.ScopeAdmin},
	self:    {enginedb.ScopeRespond, enginedb.ScopeAdmin},
}

func permits(has []enginedb.Scope, needed access) bool {
	return slices.ContainsFunc(has, func(s enginedb.Scope) bool { return slices.Contains(includes[needed], s) })
}

// guard lets in whom the route lets in. It panics if the route does not say whom: there is no default.
func (s *server) guard(rt route) http.HandlerFunc {
	serve := rt.answer(s, rt)
	_, needsKey := includes[rt.who]
	if !needsKey && rt.who != public && rt.who != signed && rt.who != secret {
		panic("api: " + rt.method + " " + rt.path + " does not say who may come")
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var key enginedb.Key
		if seen, ok := w.(*response); ok {
			seen.route, seen.who = rt.path, rt.who
		}
		for name, value := range mux.Vars(r) {
			r.SetPathValue(name, value)
		}
		if rt.who == intakes {
			ctx, cancel := context.WithTimeout(r.Context(), senderWithin)
			defer cancel()
			r = r.WithContext(ctx)
			r.Body = &upload{ReadCloser: r.Body}
			select {
			case s.senders <- struct{}{}:
				defer func() { <-s.senders }()
			case <-time.After(doorWithin):
				problem.Write(w, problem.Unavailable.Because("Too many alerts come at the same time. Send it again."))
				return
			case <-ctx.Done():
				return
			}
		}
		if needsKey && rt.who != intakes {
			var ok bool
			if key, ok = s.known(w, r); !ok {
				return
			}
			if !permits(key.Scopes, rt.who) {
				problem.Write(w, problem.Forbidden.Because("The key %s… may not do this: it needs the scope %s.", key.Prefix, includes[rt.who][0]))
				return
			}
		}
		serve(w, r, key)
	}
}

// maxSenders is how many alerts are taken in at the same time; more wait at the door, so that a flood of
// them keeps nobody from acknowledging.
const maxSenders = 32

// Times of a request.
const (
	patience     = 2 * time.Second         // for a key to be looked up before its sender is asked to come again
	senderWithin = 1800 * time.Millisecond // from the door to the answer, for a sender of alerts: it is to be told within 2 s
	doorWithin   = 1500 * time.Millisecond // of these at the door: what is left is enough for the spool
)

// upload is the body of a request that knows how long it was waited for: that is its sender's time, not ours.
type upload struct {
	io.ReadCloser
	waited time.Duration
}

func (u *upload) Read(b []byte) (int, error) {
	began := time.Now()
	n, err := u.ReadCloser.Read(b)
	u.waited += time.Since(began)
	return n, err
}

// Waited is how long it was waited for so far.
func (u *upload) Waited() time.Duration { return u.waited }

// known finds the key of a request; otherwise it has answered. The database is asked each time, so that
// a revoked key is refused at once.
func (s *server) known(w http.ResponseWriter, r *http.Request) (enginedb.Key, bool) {
	text, ok := bearer(r)
	if !ok {
		problem.Write(w, problem.Unauthorized.Because("The request carries no key. Send it as Authorization: Bearer rouse_…"))
		return enginedb.Key{}, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	key, err := s.keys.KeyByHash(ctx, enginedb.HashKey(text))
	if errors.Is(err, enginedb.ErrNotFound) {
		problem.Write(w, problem.Unauthorized.Because("The key is not known, or it was revoked."))
		return enginedb.Key{}, false
	}
	if err != nil {
		if s.told.may() {
			s.log.ErrorContext(r.Context(), "a request is refused with 503, as its key cannot be looked up; others may be, for a minute, without a line here", "error", notifiers.MaskNumbers(err.Error()))
		}
		problem.Write(w, problem.Unavailable.Because("The key cannot be looked up: the database is away; try again."))
		return enginedb.Key{}, false
	}
	if seen, ok := w.(*response); ok {
		seen.key = key.Prefix
	}
	return key, true
}

// bearer reads the key of a request (RFC 6750 §2.1); never from the query, which logs would keep.
func bearer(r *http.Request) (string, bool) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	return key, strings.EqualFold(scheme, "Bearer") && key != ""
}
