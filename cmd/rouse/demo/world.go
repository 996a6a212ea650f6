package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// pace is how long things take: seconds, where a company would have minutes.
type pace struct {
	sms, call time.Duration // contacts after the push, which is first
	wait      time.Duration // of a level
	second    time.Duration // of ringing and of waiting for a key
}

var (
	playing = pace{sms: 3 * time.Second, call: 6 * time.Second, wait: 12 * time.Second, second: 200 * time.Millisecond}
	typing  = pace{sms: 5 * time.Second, call: 10 * time.Second, wait: 25 * time.Second, second: time.Second}
)

// person is somebody of the made-up company. Numbers are from ranges that are kept free for fiction
// where the country has one.
type person struct {
	handle, name, zone, number string
	callFirst                  bool // wants to be called before any text
}

func (p person) topic() string { return "demo-" + p.handle }

var people = []person{
	{"ann", "Ann Weber", "Europe/Berlin", "+4917604069001", false},
	{"bob", "Bob Fisher", "America/New_York", "+12125550142", false},
	{"chiara", "Chiara Conti", "Europe/Rome", "+393125550143", false},
	{"dana", "Dana Iyer", "Asia/Kolkata", "+919955550144", true},
	{"emi", "Emi Sato", "Asia/Tokyo", "+819055550145", false},
	{"farid", "Farid Haddad", "Asia/Dubai", "+971505550146", false},
	{"grace", "Grace Mwangi", "Africa/Nairobi", "+254705550147", false},
	{"hugo", "Hugo Lima", "America/Sao_Paulo", "+5511955550148", false},
	{"ida", "Ida Clarke", "Europe/London", "+447700900149", false},
	{"jun", "Jun Tan", "Asia/Singapore", "+6585555150", false},
	{"kofi", "Kofi Mensah", "Africa/Accra", "+233205550151", true},
	{"lena", "Lena Hart", "Australia/Sydney", "+61491570152", false},
}

// roster is who takes turns, week by week: the first of each rotation is on call now.
type roster struct {
	id, what  string
	rotations []rotation
}

type rotation struct {
	id, zone string
	turns    []string
}

var teams = []roster{
	{"bitbucket-im", "incident managers of Bitbucket", []rotation{{"weekly", "Europe/Berlin", []string{"ann", "chiara"}}}},
	{"bitbucket-backup", "their backup", []rotation{{"weekly", "America/New_York", []string{"bob", "hugo"}}}},
	{"jira-im", "incident managers of Jira", []rotation{{"weekly", "Asia/Tokyo", []string{"emi", "jun"}}}},
	{"confluence-im", "incident managers of Confluence", []rotation{{"weekly", "Africa/Nairobi", []string{"grace", "farid"}}}},
	{"dba", "database administrators", []rotation{{"weekly", "Asia/Kolkata", []string{"dana", "kofi"}}}},
	{"imoc", "incident manager on call, for whatever has no owner", []rotation{
		{"primary", "Europe/London", []string{"ida", "hugo"}}, {"secondary", "Australia/Sydney", []string{"lena", "jun"}}}},
}

// service is what can break, with the rosters that its policy pages, level by level. IMOC comes after.
type service struct {
	id, name, zone string
	levels         []string
}

var services = []service{
	{"bitbucket", "Bitbucket", "Europe/Berlin", []string{"bitbucket-im", "bitbucket-backup"}},
	{"confluence", "Confluence", "Africa/Nairobi", []string{"confluence-im"}},
	{"jira", "Jira", "Asia/Tokyo", []string{"jira-im"}},
}

func personByHandle(handle string) (person, bool) {
	return find(people, func(p person) bool { return p.handle == handle })
}

func rosterByID(id string) (roster, bool) {
	return find(teams, func(r roster) bool { return r.id == id })
}

func serviceByID(id string) (service, bool) {
	return find(services, func(s service) bool { return s.id == id })
}

func find[T any](list []T, is func(T) bool) (found T, ok bool) {
	i := slices.IndexFunc(list, is)
	if i < 0 {
		return found, false
	}
	return list[i], true
}

// handOver is the first hand-over of a rotation of n: some weeks ago, such that the first one's turn
// is now, and so that no turn ends within a day. The past was the same, so that there is one.
func handOver(now time.Time, zone string, n int) (string, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return "", err
	}
	local := now.In(loc)
	for _, day := range []time.Weekday{time.Monday, time.Thursday} {
		back := (int(local.Weekday()) - int(day) + 7) % 7
		if back >= 1 && back <= 5 {
			first := local.AddDate(0, 0, -back-7*2*n)
			return first.Format(time.DateOnly) + "T09:00:00", nil
		}
	}
	panic("no day is near both a Monday and a Thursday")
}

// object is JSON for the REST API.
type object map[string]any

// seed makes the world through the REST API. Only the first key is made in the database, as
// `rouse token create` does.
func (d *demo) seed(ctx context.Context) error {
	secret, _, err := enginedb.New(d.db).CreateKey(ctx, enginedb.Key{Name: "demo", Scopes: []enginedb.Scope{enginedb.ScopeAdmin}})
	if err != nil {
		return err
	}
	d.rest.token = secret
	for _, seed := range []func(context.Context) error{d.seedPeople, d.seedRosters, d.seedServices, d.seedKeys} {
		if err := seed(ctx); err != nil {
			return fmt.Errorf("making the demo's world: %w", err)
		}
	}
	return nil
}

func (d *demo) seedPeople(ctx context.Context) error {
	for _, p := range people {
		sms, call := d.pace.sms, d.pace.call
		if p.callFirst {
			sms, call = d.pace.call, time.Second
		}
		err := d.rest.post(ctx, "/v1/people", object{"handle": p.handle, "name": p.name, "zone": p.zone, "contacts": []object{
			{"channel": "push", "address": p.topic()},
			{"channel": "sms", "address": p.number, "after": sms.String()},
			{"channel": "voice", "address": p.number, "after": call.String()},
		}}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) seedRosters(ctx context.Context) error {
	for _, r := range teams {
		var rotations []object
		for _, turn := range r.rotations {
			start, err := handOver(time.Now(), turn.zone, len(turn.turns))
			if err != nil {
				return err
			}
			rotations = append(rotations, object{"id": turn.id, "zone": turn.zone, "start": start, "rule": "FREQ=WEEKLY", "participants": turn.turns})
		}
		if err := d.rest.post(ctx, "/v1/rosters", object{"slug": r.id, "name": r.what, "rotations": rotations}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) seedServices(ctx context.Context) error {
	for _, s := range services {
		var levels []object
		for _, r := range s.levels {
			levels = append(levels, object{"targets": []object{{"roster": r}}, "wait": d.pace.wait.String()})
		}
		if err := d.rest.post(ctx, "/v1/policies", object{"slug": s.id, "name": s.name, "levels": levels}, nil); err != nil {
			return err
		}
		err := d.rest.post(ctx, "/v1/services", object{"slug": s.id, "name": s.name, "policy": s.id, "hours": object{"zone": s.zone}}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// seedKeys makes an integration key for each service, and one that belongs to none, whose alerts are
// for the service that they name.
func (d *demo) seedKeys(ctx context.Context) error {
	var made struct {
		Key string `json:"key"`
	}
	for _, s := range services {
		if err := d.rest.post(ctx, "/v1/services/"+s.id+"/keys", object{"name": "alertmanager"}, &made); err != nil {
			return err
		}
		d.keys[s.id] = made.Key
	}
	err := d.rest.post(ctx, "/v1/keys", object{"name": "alertmanager", "scopes": []string{string(enginedb.ScopeIntake)}}, &made)
	d.keys[""] = made.Key
	return err
}

// incidentNow reads an incident through the API, or from the database while the server is dead.
func (d *demo) incidentNow(ctx context.Context, key string) (incident, error) {
	var inc incident
	err := d.rest.get(ctx, "/v1/incidents/"+key, &inc)
	if !errors.Is(err, errDown) {
		return inc, err
	}
	kept, err := enginedb.New(d.db).Incident(ctx, engine.Key(key))
	if err != nil {
		return inc, err
	}
	inc = incident{Key: key, Service: string(kept.Service), Severity: int(kept.Severity), Summary: kept.Summary, Status: string(kept.Status),
		Manager: string(kept.Manager), Alerts: kept.AlertN}
	for _, e := range kept.Escalations {
		inc.Escalations = append(inc.Escalations, escalation{No: e.No, Role: e.Role, State: string(e.State), Holder: string(e.Holder)})
	}
	lines, err := enginedb.New(d.db).Timeline(ctx, kept.ID)
	for _, l := range lines {
		inc.Timeline = append(inc.Timeline, line{At: l.At, Text: l.Note.Text})
	}
	return inc, err
}
