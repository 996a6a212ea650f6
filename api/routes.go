// Package api is everything that Rouse answers over HTTP. The table in routes.go is the whole of it:
// every route says who may come, and one that does not cannot be built.
//
// What is under /v1 takes API keys (auth.go); package rest answers people and programs, package intake
// senders of alerts. Package callbacks answers providers, whose requests are signed, and phones, which
// know a secret. Around all of it stands request.go: ids, the log, headers, and what happens on a panic.
package api

import (
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/calendar"
	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/api/problem"
	"rouse/api/providers"
	"rouse/api/rest"
	"rouse/api/seal"
	"rouse/api/verify"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

// Config is what the API needs.
type Config struct {
	Engine       pager.Engine
	Drills       pager.Drills
	DB           *pgxpool.Pool // for keys and REST; better not the one that pages are sent with
	Intake       *intake.Handler
	Callbacks    *callbacks.Handler
	Calendar     *calendar.Handler
	Health       http.Handler                    // answers /healthz, /readyz and /metrics, which anybody may ask
	Providers    *providers.Registry             // who carries messages; nil: those that are in the database
	CatchAll     engine.CatchAll                 // its roster and people cannot be deleted
	Channels     func() map[rosters.Channel]bool // on which this server can send now
	VerifiedOnly bool                            // contacts that were not verified are not used
	Codes        *verify.Codes                   // sends codes to contacts; nil: cannot
	PublicURL    string                          // if it is https, browsers are told to stay with that
	Secrets      *seal.Box                       // seals what senders sign with; nil: none can be kept
	Offset       func() time.Duration            // added to the database's clock, as the pager's; nil: nothing
	Log          *slog.Logger                    // nil discards
}

//go:embed openapi.yaml
var document []byte

// Document is openapi.yaml: what the API takes and answers.
func Document() []byte { return document }

// New makes the handler of everything.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{
		rest: rest.New(rest.Config{Engine: c.Engine, Drills: c.Drills, DB: c.DB, Providers: c.Providers, CatchAll: c.CatchAll, Channels: c.Channels, VerifiedOnly: c.VerifiedOnly, Codes: c.Codes, PublicURL: c.PublicURL, Secrets: c.Secrets, Offset: c.Offset, Log: c.Log}),
		keys: enginedb.New(c.DB), log: c.Log, https: strings.HasPrefix(c.PublicURL, "https://"),
		senders: make(chan struct{}, maxSenders),
	}
	return s.around(s.router(s.routes(c)))
}

type server struct {
	rest  *rest.API
	keys  enginedb.Store
	log   *slog.Logger
	https bool

	senders chan struct{} // those whose alerts are being taken in
	told    seldom        // that a key cannot be looked up
}

// route is one line of the table.
type route struct {
	method string // GET stands for HEAD as well; several are parted by spaces
	path   string // "/v2/alerts/*" stands for all that is below /v2/alerts, whose names the handler reads
	who    access
	answer answer
}

// answer makes the handler of a route.
type answer func(s *server, rt route) func(http.ResponseWriter, *http.Request, enginedb.Key)

// calls are the operations of openapi.yaml.
type calls = rest.ServerInterfaceWrapper

// routes is the whole surface.
func (s *server) routes(c Config) []route {
	const people, person = "/v1/people", "/v1/people/{handle}"
	const duties, duty = "/v1/rosters", "/v1/rosters/{slug}"
	const teams, team = "/v1/teams", "/v1/teams/{slug}"
	const policies, policy = "/v1/policies", "/v1/policies/{slug}"
	const services, service = "/v1/services", "/v1/services/{slug}"
	const incidents, incident = "/v1/incidents", "/v1/incidents/{key}"
	const template = "/v1/templates/{language}/{channel}/{purpose}"
	return []route{
		{"POST", "/v1/alerts", intakes, plain(c.Intake.Alerts)},
		{"POST", "/v1/alertmanager", intakes, plain(c.Intake.Alertmanager)},
		{"POST", "/v1/alertmanager/{key}", intakes, plain(c.Intake.Alertmanager)},
		{"POST PUT", "/v1/grafana", intakes, plain(c.Intake.Grafana)},
		{"POST PUT", "/v1/grafana/{key}", intakes, plain(c.Intake.Grafana)},
		{"POST", "/v1/jira", intakes, plain(c.Intake.Jira)},
		{"POST", "/v1/jira/{key}", intakes, plain(c.Intake.Jira)},
		{"POST", "/v1/sns", intakes, plain(c.Intake.SNS)},
		{"POST", "/v1/sns/{key}", intakes, plain(c.Intake.SNS)},
		{"POST PUT GET", "/v1/uptime-kuma", intakes, plain(c.Intake.UptimeKuma)},
		{"POST PUT GET", "/v1/uptime-kuma/{key}", intakes, plain(c.Intake.UptimeKuma)},
		{"POST PUT GET", "/v1/webhook", intakes, plain(c.Intake.Webhook)},
		{"POST PUT GET", "/v1/webhook/{key}", intakes, plain(c.Intake.Webhook)},
		{"POST", "/v1/formatted-webhook", intakes, plain(c.Intake.FormattedWebhook)},
		{"POST", "/v1/formatted-webhook/{key}", intakes, plain(c.Intake.FormattedWebhook)},
		{"POST", "/integrations/v1/formatted_webhook/{key}", intakes, plain(c.Intake.OnCallFormatted)}, // Grafana OnCall's addresses
		{"POST", "/integrations/v1/webhook/{key}", intakes, plain(c.Intake.OnCallFormatted)},
		{"POST", "/integrations/v1/alertmanager/{key}", intakes, plain(c.Intake.OnCallAlertmanager)},
		{"POST PUT", "/integrations/v1/grafana/{key}", intakes, plain(c.Intake.OnCallGrafana)},
		{"POST PUT", "/integrations/v1/grafana_alerting/{key}", intakes, plain(c.Intake.OnCallGrafana)},
		{"POST GET", "/api/v2/generic/incoming", intakes, plain(c.Intake.GoAlert)}, // GoAlert's addresses
		{"POST", "/api/v2/prometheusalertmanager/incoming", intakes, plain(c.Intake.GoAlertAlertmanager)},
		{"POST PUT", "/api/v2/grafana/incoming", intakes, plain(c.Intake.GoAlertGrafana)},
		{"POST", "/v2/enqueue", intakes, plain(c.Intake.PagerDuty)},
		{"POST", "/v2/change/enqueue", intakes, plain(c.Intake.PagerDutyChange)},
		{"POST", "/generic/2010-04-15/create_event.json", intakes, plain(c.Intake.PagerDutyV1)},
		{"GET POST PUT PATCH DELETE", "/v2/alerts", intakes, plain(c.Intake.Opsgenie)},
		{"GET POST PUT PATCH DELETE", "/v2/alerts/*", intakes, plain(c.Intake.Opsgenie)},
		{"GET POST PUT PATCH DELETE", "/jsm/ops/integration/v2/alerts", intakes, plain(c.Intake.Opsgenie)}, // Jira Service Management's
		{"GET POST PUT PATCH DELETE", "/jsm/ops/integration/v2/alerts/*", intakes, plain(c.Intake.Opsgenie)},
		{"POST", "/v1/heartbeat/{name}", intakes, plain(c.Intake.Heartbeat)},
		{"GET POST PUT PATCH DELETE", "/v2/heartbeats", intakes, plain(c.Intake.OpsgenieHeartbeats)}, // Opsgenie's addresses
		{"GET POST PUT PATCH DELETE", "/v2/heartbeats/*", intakes, plain(c.Intake.OpsgenieHeartbeats)},
		{"GET POST PUT PATCH DELETE", "/jsm/ops/integration/v2/heartbeats", intakes, plain(c.Intake.OpsgenieHeartbeats)},
		{"GET POST PUT PATCH DELETE", "/jsm/ops/integration/v2/heartbeats/*", intakes, plain(c.Intake.OpsgenieHeartbeats)},
		{"GET POST PUT PATCH", "/beat/{token}", secret, plain(c.Intake.Beat)},
		{"GET POST PUT PATCH", "/beat/{token}/{state}", secret, plain(c.Intake.Beat)},

		{"GET", incidents, read, operation((*calls).ListIncidents)},
		{"POST", incidents, respond, operation((*calls).RaiseIncident)},
		{"GET", incident, read, operation((*calls).GetIncident)},
		{"PATCH", incident, respond, operation((*calls).DescribeIncident)},
		{"GET", incident + "/alerts/{id}/original", read, operation((*calls).GetOriginal)},
		{"POST", incident + "/acknowledge", respond, operation((*calls).AcknowledgeIncident)},
		{"POST", incident + "/decline", respond, operation((*calls).DeclineIncident)},
		{"POST", incident + "/resolve", respond, operation((*calls).ResolveIncident)},
		{"POST", incident + "/page", respond, operation((*calls).PageIn)},
		{"POST", incident + "/severity", respond, operation((*calls).SetSeverity)},
		{"POST", incident + "/notes", respond, operation((*calls).AddNote)},

		{"GET", "/v1/oncall", read, operation((*calls).ListOnCall)},
		{"GET", duty + "/feeds", member, operation((*calls).ListRosterFeeds)},
		{"POST", duty + "/feeds", member, change((*calls).CreateRosterFeed)},
		{"DELETE", duty + "/feeds/{id}", member, change((*calls).DeleteRosterFeed)},
		{"GET", person + "/feeds", self, operation((*calls).ListPersonFeeds)},
		{"POST", person + "/feeds", self, change((*calls).CreatePersonFeed)},
		{"DELETE", person + "/feeds/{id}", self, change((*calls).DeletePersonFeed)},
		{"GET", "/calendar/{secret}", secret, plain(c.Calendar.Feed)},

		{"GET", "/v1/drills", read, operation((*calls).ListDrills)},
		{"POST", "/v1/drills", respond, operation((*calls).StartDrills)},
		{"GET", "/v1/drills/{key}", read, operation((*calls).GetDrill)},
		{"GET", duty + "/drill", read, operation((*calls).GetRosterDrill)},
		{"PUT", duty + "/drill", owner, change((*calls).ReplaceRosterDrill)},
		{"DELETE", duty + "/drill", owner, change((*calls).DeleteRosterDrill)},
		{"GET", "/v1/coverage", read, operation((*calls).GetCoverage)},
		{"GET", duty + "/oncall", read, operation((*calls).GetRosterOnCall)},
		{"GET", duty + "/shifts", read, operation((*calls).ListShifts)},
		{"GET", duty + "/gaps", read, operation((*calls).ListGaps)},
		{"GET", person + "/shifts", read, operation((*calls).ListPersonShifts)},

		{"GET", people, read, operation((*calls).ListPeople)},
		{"POST", people, admin, change((*calls).CreatePerson)},
		{"GET", person, read, operation((*calls).GetPerson)},
		{"PUT", person, self, change((*calls).ReplacePerson)},
		{"DELETE", person, admin, change((*calls).DeletePerson)},
		{"GET", person + "/contacts", read, operation((*calls).ListContacts)},
		{"POST", person + "/contacts", self, change((*calls).CreateContact)},
		{"GET", person + "/contacts/{id}", read, operation((*calls).GetContact)},
		{"PUT", person + "/contacts/{id}", self, change((*calls).ReplaceContact)},
		{"DELETE", person + "/contacts/{id}", self, change((*calls).DeleteContact)},

		{"POST", person + "/contacts/{id}/verification", self, operation((*calls).SendVerification)},
		{"PUT", person + "/contacts/{id}/verification", self, operation((*calls).VerifyContact)},
		{"GET", "/v1/me", read, operation((*calls).GetMe)},

		{"GET", duties, read, operation((*calls).ListRosters)},
		{"POST", duties, owner, change((*calls).CreateRoster)},
		{"GET", duty, read, operation((*calls).GetRoster)},
		{"PUT", duty, owner, change((*calls).ReplaceRoster)},
		{"DELETE", duty, owner, change((*calls).DeleteRoster)},
		{"GET", duty + "/swaps", read, operation((*calls).ListSwaps)},
		{"POST", duty + "/swaps", respond, change((*calls).ProposeSwap)},
		{"POST", duty + "/swaps/{id}/accept", respond, change((*calls).AcceptSwap)},
		{"POST", duty + "/swaps/{id}/decline", respond, change((*calls).DeclineSwap)},
		{"POST", duty + "/swaps/{id}/withdraw", respond, change((*calls).WithdrawSwap)},
		{"GET", duty + "/revisions", read, operation((*calls).ListRevisions)},
		{"GET", duty + "/rotations", read, operation((*calls).ListRotations)},
		{"POST", duty + "/rotations", owner, change((*calls).CreateRotation)},
		{"GET", duty + "/rotations/{id}", read, operation((*calls).GetRotation)},
		{"PUT", duty + "/rotations/{id}", owner, change((*calls).ReplaceRotation)},
		{"DELETE", duty + "/rotations/{id}", owner, change((*calls).DeleteRotation)},
		{"GET", duty + "/overrides", read, operation((*calls).ListOverrides)},
		{"POST", duty + "/overrides", member, change((*calls).CreateOverride)},
		{"GET", duty + "/overrides/{id}", read, operation((*calls).GetOverride)},
		{"PUT", duty + "/overrides/{id}", member, change((*calls).ReplaceOverride)},
		{"DELETE", duty + "/overrides/{id}", member, change((*calls).DeleteOverride)},

		{"GET", teams, read, operation((*calls).ListTeams)},
		{"POST", teams, admin, change((*calls).CreateTeam)},
		{"GET", team, read, operation((*calls).GetTeam)},
		{"PUT", team, owner, change((*calls).ReplaceTeam)},
		{"DELETE", team, admin, change((*calls).DeleteTeam)},

		{"GET", "/v1/deleted", admin, operation((*calls).ListDeleted)},
		{"POST", "/v1/deleted/{id}/restore", admin, change((*calls).Restore)},

		{"GET", policies, read, operation((*calls).ListPolicies)},
		{"POST", policies, owner, change((*calls).CreatePolicy)},
		{"GET", policy, read, operation((*calls).GetPolicy)},
		{"PUT", policy, owner, change((*calls).ReplacePolicy)},
		{"DELETE", policy, owner, change((*calls).DeletePolicy)},

		{"GET", services, read, operation((*calls).ListServices)},
		{"POST", services, owner, change((*calls).CreateService)},
		{"GET", service, read, operation((*calls).GetService)},
		{"PUT", service, owner, change((*calls).ReplaceService)},
		{"DELETE", service, owner, change((*calls).DeleteService)},
		{"GET", service + "/keys", owner, operation((*calls).ListServiceKeys)},
		{"POST", service + "/keys", owner, change((*calls).CreateServiceKey)},
		{"GET", service + "/keys/{id}", owner, operation((*calls).GetServiceKey)},
		{"PUT", service + "/keys/{id}", owner, change((*calls).ReplaceServiceKey)},
		{"DELETE", service + "/keys/{id}", owner, change((*calls).RevokeServiceKey)},
		{"GET", service + "/heartbeats", read, operation((*calls).ListHeartbeats)},
		{"POST", service + "/heartbeats", owner, change((*calls).CreateHeartbeat)},
		{"GET", service + "/heartbeats/{id}", read, operation((*calls).GetHeartbeat)},
		{"PUT", service + "/heartbeats/{id}", owner, change((*calls).ReplaceHeartbeat)},
		{"DELETE", service + "/heartbeats/{id}", owner, change((*calls).DeleteHeartbeat)},
		{"POST", service + "/heartbeats/{id}/url", owner, change((*calls).ChangeHeartbeatURL)},

		{"GET", service + "/maintenance", read, operation((*calls).ListMaintenance)},
		{"POST", service + "/maintenance", member, change((*calls).CreateMaintenance)},
		{"GET", service + "/maintenance/{id}", read, operation((*calls).GetMaintenance)},
		{"PUT", service + "/maintenance/{id}", member, change((*calls).ReplaceMaintenance)},
		{"DELETE", service + "/maintenance/{id}", member, change((*calls).DeleteMaintenance)},

		{"GET", "/v1/rules", read, operation((*calls).ListRules)},
		{"PUT", "/v1/rules", admin, change((*calls).ReplaceRules)},
		{"GET", team + "/rules", read, operation((*calls).ListTeamRules)},
		{"PUT", team + "/rules", owner, change((*calls).ReplaceTeamRules)},
		{"GET", "/v1/severities", read, operation((*calls).ListWords)},
		{"PUT", "/v1/severities", admin, change((*calls).ReplaceWords)},
		{"POST", "/v1/simulate", read, operation((*calls).Simulate)},

		{"GET", "/v1/templates", admin, operation((*calls).ListTemplates)},
		{"POST", "/v1/templates/preview", admin, operation((*calls).PreviewTemplate)},
		{"GET", template, admin, operation((*calls).GetTemplate)},
		{"PUT", template, admin, change((*calls).ReplaceTemplate)},
		{"DELETE", template, admin, change((*calls).DeleteTemplate)},
		{"GET", "/v1/languages", admin, operation((*calls).ListLanguages)},
		{"GET", "/v1/languages/{language}", admin, operation((*calls).GetLanguage)},
		{"PUT", "/v1/languages/{language}", admin, change((*calls).ReplaceLanguage)},
		{"DELETE", "/v1/languages/{language}", admin, change((*calls).DeleteLanguage)},

		{"GET", "/v1/configuration", admin, operation((*calls).GetConfiguration)},
		{"PUT", "/v1/configuration", admin, change((*calls).ReplaceConfiguration)},

		{"GET", "/v1/keys", admin, operation((*calls).ListKeys)},
		{"POST", "/v1/keys", admin, operation((*calls).CreateKey)},
		{"GET", "/v1/keys/{id}", admin, operation((*calls).GetKey)},
		{"PUT", "/v1/keys/{id}", admin, operation((*calls).ReplaceKey)},
		{"DELETE", "/v1/keys/{id}", admin, operation((*calls).RevokeKey)},

		{"GET", "/v1/providers", admin, operation((*calls).ListProviders)},
		{"GET", "/v1/providers/{name}", admin, operation((*calls).GetProvider)},
		{"PUT", "/v1/providers/{name}", admin, change((*calls).ReplaceProvider)},
		{"DELETE", "/v1/providers/{name}", admin, change((*calls).DeleteProvider)},
		{"POST", "/v1/providers/{name}/test", admin, operation((*calls).TestProvider)},
		{"GET", "/v1/providers/{name}/test/{id}", admin, operation((*calls).GetProviderTest)},
		{"PUT", "/v1/providers/{name}/users/{user}", admin, operation((*calls).SetChatUser)},
		{"DELETE", "/v1/providers/{name}/users/{user}", admin, operation((*calls).DeleteChatUser)},

		{"POST", "/callbacks/twilio/sms", signed, plain(c.Callbacks.TwilioSMS)},
		{"POST", "/callbacks/twilio/voice/{nonce}", signed, plain(c.Callbacks.TwilioVoice)},
		{"POST", "/callbacks/twilio/key/{nonce}", signed, plain(c.Callbacks.TwilioKey)},
		{"POST", "/callbacks/twilio/incoming", signed, plain(c.Callbacks.TwilioIncoming)},
		{"POST", "/callbacks/twilio/incoming/{nonce}", signed, plain(c.Callbacks.TwilioIncomingKey)},
		{"POST", "/callbacks/twilio/incoming/{nonce}/{answer}", signed, plain(c.Callbacks.TwilioIncomingCode)},
		{"POST", "/callbacks/slack/{provider}", signed, plain(c.Callbacks.SlackButton)},
		{"POST", "/callbacks/mattermost/{provider}", signed, plain(c.Callbacks.MattermostButton)},
		{"GET", "/callbacks/gateway/{provider}/{key}", secret, plain(c.Callbacks.GatewayCallback)},
		{"POST", "/callbacks/gateway/{provider}/{key}", secret, plain(c.Callbacks.GatewayCallback)},
		{"POST", "/callbacks/twilio/status/{nonce}", signed, plain(c.Callbacks.TwilioStatus)},

		{"GET", "/p/{token}", secret, plain(c.Callbacks.ViewPage)},
		{"POST", "/p/{token}/seen", secret, plain(c.Callbacks.Seen)},
		{"POST", "/p/{token}/push", secret, plain(c.Callbacks.Subscribe)},
		{"POST", "/p/{token}/{answer}", secret, plain(c.Callbacks.AnswerPage)},
		{"GET", "/p/{token}/{answer}", secret, plain(c.Callbacks.ViewPage)}, // reloaded after an answer
		{"GET", "/app", public, plain(c.Callbacks.App)},
		{"GET", "/{asset:app\\.css|app\\.js|sw\\.js|icon\\.svg|app\\.webmanifest}", public, plain(c.Callbacks.Asset)},

		{"GET", "/a/{token}", secret, plain(c.Callbacks.ViewPage)},
		{"GET", "/a/{token}/{answer}", secret, plain(c.Callbacks.ViewPage)},
		{"POST", "/a/{token}/{answer}", secret, plain(c.Callbacks.AnswerButton)},
		{"OPTIONS", "/a/{token}/{answer}", secret, plain(c.Callbacks.AnswerButton)}, // browsers ask before they post

		{"GET", "/healthz", public, plain(c.Health.ServeHTTP)},
		{"GET", "/readyz", public, plain(c.Health.ServeHTTP)},
		{"GET", "/metrics", public, plain(c.Health.ServeHTTP)},
		{"GET", "/openapi.yaml", public, plain(serveDocument)},
		{"GET", "/problems/{name}", public, plain(explainProblem)},
	}
}

// operation answers by an operation of openapi.yaml, which has it under the same method and path.
func operation(call rest.Call) answer {
	return func(s *server, rt route) func(http.ResponseWriter, *http.Request, enginedb.Key) {
		handle := s.rest.Handle(rt.method, rt.path, needs[rt.who], call)
		return func(w http.ResponseWriter, r *http.Request, k enginedb.Key) {
			handle(w, r, callerOf(k))
		}
	}
}

// change is operation for one that changes what admins keep.
func change(call rest.Call) answer {
	return func(s *server, rt route) func(http.ResponseWriter, *http.Request, enginedb.Key) {
		handle := s.rest.Change(rt.method, rt.path, needs[rt.who], call)
		return func(w http.ResponseWriter, r *http.Request, k enginedb.Key) { handle(w, r, callerOf(k)) }
	}
}

func callerOf(k enginedb.Key) rest.Caller {
	return rest.Caller{Key: k.ID, Name: k.Name, Person: k.Person, Admin: permits(k.Scopes, admin)}
}

// plain answers by a handler that asks for no key, or looks for it itself.
func plain(h http.HandlerFunc) answer {
	return func(*server, route) func(http.ResponseWriter, *http.Request, enginedb.Key) {
		return func(w http.ResponseWriter, r *http.Request, _ enginedb.Key) { h(w, r) }
	}
}

func (s *server) router(routes []route) *mux.Router {
	router := mux.NewRouter().SkipClean(true) // a redirect would lose a POST's body
	for _, rt := range routes {
		methods := strings.Fields(rt.method)
		if methods[0] == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		serve := s.guard(rt)
		if below, ok := strings.CutSuffix(rt.path, "*"); ok {
			router.PathPrefix(below).HandlerFunc(serve).Methods(methods...)
			continue
		}
		router.HandleFunc(rt.path, serve).Methods(methods...)
		if rt.who == intakes { // senders are configured with what people believe to be the address
			router.HandleFunc(rt.path+"/", serve).Methods(methods...)
		}
	}
	router.NotFoundHandler = notFound(router)
	router.MethodNotAllowedHandler = router.NotFoundHandler
	return router
}

// notFound answers what no route matches: 405 if one of another method does, which mux does not always
// find out by itself.
func notFound(router *mux.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			other := r.Clone(r.Context())
			other.Method = method
			var match mux.RouteMatch
			if router.Match(other, &match) && match.MatchErr == nil && match.Route != nil {
				allow = append(allow, method)
			}
		}
		if allow == nil {
			problem.Write(w, problem.NotFound.Because("There is nothing at this path. GET /openapi.yaml tells what there is."))
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		problem.Write(w, problem.Method.Because("This path takes %s.", strings.Join(allow, ", ")))
	})
}

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(document) // the client is gone: nobody is left to tell
}

// explainProblem tells people what a type of problem means.
func explainProblem(w http.ResponseWriter, r *http.Request) {
	kind, ok := problem.Named(r.PathValue("name"))
	if !ok {
		problem.Write(w, problem.NotFound.Because("There is no such type of problem."))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s (%d)\n\n%s\n", kind.Title, kind.Status, kind.Meaning)
}
