// Package rest answers the JSON API under /v1: one file per resource, each handler a translation
// between the wire and the cores. It checks requests against openapi.yaml and has no rules of its own:
// what may be saved is the cores' Validate, what becomes of an incident is the engine's.
//
// rest.gen.go and contract.json are made from openapi.yaml: go generate ./api/rest.
package rest

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"rouse/api/keys"
	"rouse/api/problem"
	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/api/verify"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Config is what an API needs.
type Config struct {
	Engine       pager.Engine
	Drills       pager.Drills
	DB           rosterdb.DB
	Providers    *providers.Registry             // who carries messages; nil: those that are in the database
	CatchAll     engine.CatchAll                 // its roster and people cannot be deleted
	Channels     func() map[rosters.Channel]bool // on which this server can send now
	VerifiedOnly bool                            // contacts that were not verified are not used
	Codes        *verify.Codes                   // sends codes to contacts; nil: cannot
	PublicURL    string                          // where people reach this server
	Secrets      *seal.Box                       // seals what senders sign with; nil: none can be kept
	Offset       func() time.Duration            // added to the database's clock, as the pager's; nil: nothing
	Log          *slog.Logger                    // nil discards
}

// API answers requests whose caller is known.
type API struct {
	engine       pager.Engine
	drills       pager.Drills
	db           rosterdb.DB
	rosters      rosterdb.Store
	incidents    enginedb.Store // services, policies and keys too
	providers    *providers.Registry
	catchAll     engine.CatchAll
	channels     func() map[rosters.Channel]bool
	verifiedOnly bool
	codes        *verify.Codes
	publicURL    string
	keymaker     keys.Maker
	offset       func() time.Duration
	log          *slog.Logger
	doors        doors
}

// New makes an API.
func New(c Config) *API {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Offset == nil {
		c.Offset = func() time.Duration { return 0 }
	}
	if c.Channels == nil {
		c.Channels = func() map[rosters.Channel]bool { return nil }
	}
	if c.Providers == nil {
		c.Providers = providers.New(providers.Config{DB: c.DB, Secrets: c.Secrets, Outside: providers.Outside{PublicURL: c.PublicURL}, Log: c.Log})
	}
	return &API{engine: c.Engine, drills: c.Drills, db: c.DB, providers: c.Providers, rosters: rosterdb.New(c.DB), incidents: enginedb.New(c.DB), catchAll: c.CatchAll, channels: c.Channels, verifiedOnly: c.VerifiedOnly, codes: c.Codes, publicURL: c.PublicURL, keymaker: keys.Maker{Secrets: c.Secrets}, offset: c.Offset, log: c.Log, doors: newDoors()}
}

// Caller is who sent a request, as the key says.
type Caller struct {
	Key    int64            // its id
	Name   string           // of the key
	Person rosters.PersonID // whom the key acts as, or ""
	Admin  bool             // may see addresses in full
}

// Call is an operation of the document: a method expression of ServerInterfaceWrapper.
type Call func(*ServerInterfaceWrapper, http.ResponseWriter, *http.Request)

// Handle makes the handler of an operation, for the method and path under which the document has it, and
// for callers who are what is needed. The router must be mux, and the caller's key have the scope.
func (a *API) Handle(method, path string, need Need, call Call) func(http.ResponseWriter, *http.Request, Caller) {
	return func(w http.ResponseWriter, r *http.Request, c Caller) {
		w.Header().Set("Cache-Control", "no-store")
		contract := theContract()
		r, p := contract.check(contract.Operations[method+" "+path], w, r, mux.Vars(r))
		if p != nil {
			problem.Write(w, p)
			return
		}
		if err := a.may(r.Context(), c, need, r); err != nil {
			a.Fail(w, r, err)
			return
		}
		a.serve(w, r, handlers{a, c, postedTeam(r), nil}, call)
	}
}

// handlers answer one request; the caller is known, and nothing of it is in a context.
type handlers struct {
	*API
	caller Caller
	team   *rosters.TeamID // that the body gives something to; nil: it does not say
	view   *view           // what a change is held against; nil: it is none
}

var _ StrictServerInterface = handlers{}
