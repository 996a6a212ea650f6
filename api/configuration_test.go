package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/rosters/rosterdb"
)

const theConfiguration = "/v1/configuration"

// plan is what PUT /v1/configuration answers; a dry run has the result within.
type plan struct {
	BasedOn string `json:"based_on"`
	Changes []struct {
		Kind, ID, Action string
		Fields           []struct {
			Pointer       string
			Before, After any
		}
		More int
	}
	Pages []struct {
		Service       string
		Severities    []int
		Level         int
		From, To      time.Time
		Before, After []string
		Text          string
	}
	MorePages int `json:"more_pages"`
	Effects   struct {
		Changes []struct {
			Roster        string
			From, To      time.Time
			Before, After []string
		}
		HolesOpened []struct{ Text string } `json:"holes_opened"`
		HolesClosed []struct{ Text string } `json:"holes_closed"`
	}
}

func (a answered) plan(t *testing.T) (p plan) {
	t.Helper()
	var dry struct {
		DryRun          bool `json:"dry_run"`
		Result, Effects json.RawMessage
	}
	body := []byte(a.body)
	if err := json.Unmarshal(body, &dry); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if dry.DryRun {
		body = dry.Result
	}
	err := json.Unmarshal(body, &p)
	if err == nil && dry.DryRun {
		err = json.Unmarshal(dry.Effects, &p.Effects)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p
}

// steps are the changes of a plan in words: "create roster dba", "change roster dba /name /rotations/0/rule".
func (p plan) steps() (words []string) {
	for _, c := range p.Changes {
		said := c.Action + " " + c.Kind + " " + c.ID
		for _, f := range c.Fields {
			said += " " + f.Pointer
		}
		words = append(words, said)
	}
	return words
}

func (p plan) holds(t *testing.T, want ...string) {
	t.Helper()
	if got := p.steps(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// read is the configuration as it is, to be changed and sent back.
func (d *desk) read(t *testing.T) (document map[string]any, etag string) {
	t.Helper()
	got := d.must(200, "GET", theConfiguration, "")
	return got.value(t), "If-Match: " + got.header.Get("ETag")
}

// one finds a thing in a document.
func one(t *testing.T, document map[string]any, list, name string) map[string]any {
	t.Helper()
	for _, item := range document[list].([]any) {
		if thing := item.(map[string]any); thing["slug"] == name || thing["handle"] == name {
			return thing
		}
	}
	t.Fatalf("there is no %s in %s", name, list)
	return nil
}

// without is a list without a thing.
func without(document map[string]any, list, name string) []any {
	return slices.DeleteFunc(slices.Clone(document[list].([]any)), func(item any) bool {
		thing := item.(map[string]any)
		return thing["slug"] == name || thing["handle"] == name
	})
}

func written(t *testing.T, document any) string {
	t.Helper()
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// house is a document with something of everything, in which names and turns are not the usual ones.
const house = `{
	"teams": [{"slug": "db", "name": "Datenbanken – 数据库", "members": [{"person": "taro", "role": "member"}, {"person": "ann", "role": "owner"}]}],
	"people": [
		{"handle": "zoe", "name": "Zoë 👩‍💻", "zone": "America/New_York", "language": "fr", "contacts": [
			{"channel": "voice", "address": "+4915112345699", "after": "1m30s", "disabled": true}, {"channel": "sms", "address": "+4915112345617"}, {"channel": "push", "address": "zoes-phone"}]},
		{"handle": "carla", "contacts": [{"channel": "sms", "address": "+4915112345618"}]},
		{"handle": "ann", "name": "अनीता देशपांडे", "contacts": [{"channel": "sms", "address": "+4915112345619"}]},
		{"handle": "taro", "name": "山田太郎", "contacts": [{"channel": "sms", "address": "+4915112345616"}]}],
	"rosters": [
		{"slug": "imoc", "name": "Ø\"'#: - |", "rotations": [{"id": "only", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": ["carla"]}]},
		{"slug": "dba", "team": "db", "handoff": {"ahead": "24h"}, "drill": {"before": "2h30m"}, "rotations": [
			{"id": "week", "zone": "Europe/Berlin", "start": "2026-01-05T09:00:00", "rule": "FREQ=WEEKLY", "participants": ["ann", "", "taro", "zoe"], "rank": 1, "shifts_each": 2, "ahead": 3, "times": ["06:00", "18:00"],
				"without": ["2026-12-25"], "besides": ["2026-12-24T12:00:00"], "hours": [{"days": ["mon", "fri"], "from": "06:00", "to": "22:00"}], "from": "2026-01-01T00:00:00+01:00", "until": "2036-01-01T00:00:00Z"},
			{"id": "rest", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=WEEKLY", "length": "168h", "everyone": true, "participants": ["taro", "ann"]}]}],
	"policies": [{"slug": "db", "team": "db", "levels": [{"targets": [{"roster": "dba"}, {"person": "zoe"}]}, {"targets": [{"roster": "imoc"}], "wait": "1h30m"}], "ack_expiry": {"1": "0s", "2": "20m"}}],
	"services": [{"slug": "web"}, {"slug": "db", "team": "db", "policy": "db", "hours": {"zone": "Asia/Tokyo", "windows": [{"days": ["mon", "sun"], "from": "22:00", "to": "06:00"}]}}]}`

func TestAConfigurationGoesRoundTrip(t *testing.T) {
	d := newEmptyDesk(t)
	empty := d.must(200, "GET", theConfiguration, "")
	if want := `{"people":[],"policies":[],"rosters":[],"rules":[],"services":[],"severities":[],"teams":[]}`; strings.TrimSpace(empty.body) != want {
		t.Errorf("an empty house is %s", empty.body)
	}
	made := d.must(200, "PUT", theConfiguration, house, "If-Match: "+empty.header.Get("ETag"))
	made.plan(t).holds(t, "create person zoe", "create person carla", "create person ann", "create person taro", "create team db", "create roster imoc", "create roster dba",
		"create policy db", "create service web", "create service db")
	first := d.must(200, "GET", theConfiguration, "")
	if first.header.Get("ETag") != made.header.Get("ETag") || first.header.Get("ETag") == empty.header.Get("ETag") {
		t.Errorf("made %s of %s, read %s", made.header.Get("ETag"), empty.header.Get("ETag"), first.header.Get("ETag"))
	}
	// What comes out says the same as what went in, whatever the order.
	for what, document := range map[string]string{"what was sent": house, "what was read": first.body} {
		again := d.must(200, "PUT", theConfiguration, document)
		if again.plan(t).holds(t); again.header.Get("ETag") != first.header.Get("ETag") {
			t.Errorf("%s sent again changes %s to %s", what, first.header.Get("ETag"), again.header.Get("ETag"))
		}
	}
	// Another house that is made of it is the same, turns and all.
	other := newEmptyDesk(t)
	other.must(200, "PUT", theConfiguration, first.body)
	second := other.must(200, "GET", theConfiguration, "")
	if second.body != first.body || second.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("the other house is %s\nnot %s", second.body, first.body)
	}
	const when = "/v1/rosters/dba/shifts?from=2027-01-01T00:00:00Z&to=2027-03-01T00:00:00Z"
	if got, want := other.must(200, "GET", when, "").body, d.must(200, "GET", when, "").body; got != want {
		t.Errorf("there the shifts are %s\nnot %s", got, want)
	}
	for _, of := range []string{"version", "created_at", "updated_at", `"id":1`, "revision"} {
		if strings.Contains(first.body, of) {
			t.Errorf("the document has %s: %s", of, first.body)
		}
	}
}

func TestAConfigurationIsChangedAsAWhole(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan", "contacts": [{"channel": "push", "address": "dan"}]}`)
	d.must(201, "POST", "/v1/teams", `{"slug": "web", "members": [{"person": "dan", "role": "owner"}]}`)
	d.must(201, "POST", "/v1/rosters", `{"slug": "web", "team": "web", "rotations": [`+strings.Replace(weekly, `"ann", "bob"`, `"dan"`, 1)+`]}`)
	d.must(201, "POST", "/v1/policies", `{"slug": "web", "levels": [{"targets": [{"roster": "web"}]}]}`)
	d.must(201, "POST", "/v1/services", `{"slug": "web", "policy": "web"}`)
	contact := d.must(200, "GET", "/v1/people/bob/contacts", "").value(t)["items"].([]any)[0].(map[string]any)["id"]
	before := d.must(200, "GET", theConfiguration, "")

	// Everything of the web goes, eve comes and takes turns, bob gets another contact.
	document, _ := d.read(t)
	for _, list := range []string{"services", "policies", "rosters", "teams"} {
		document[list] = without(document, list, "web")
	}
	document["people"] = append(without(document, "people", "dan"), map[string]any{"handle": "eve", "contacts": []any{map[string]any{"channel": "sms", "address": "+4915112345600"}}})
	bob := one(t, document, "people", "bob")
	bob["contacts"] = append([]any{map[string]any{"channel": "voice", "address": "+4915112345617", "after": "2m"}}, bob["contacts"].([]any)...)
	rotation := one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)
	rotation["participants"], rotation["rank"] = []any{"ann", "bob", "eve"}, 0
	changed := written(t, document)

	rehearsed := d.must(200, "PUT", theConfiguration+"?dry_run=true", changed)
	want := []string{"change person bob /contacts/0", "create person eve", "change roster dba /rotations/0/participants",
		"delete service web", "delete policy web", "delete roster web", "delete team web", "delete person dan"}
	if rotation := rehearsed.plan(t).Changes[2].Fields; len(rotation) == 2 { // whose turn it is may have to be worked out
		want[2] = "change roster dba /rotations/0/ahead /rotations/0/participants"
	}
	rehearsed.plan(t).holds(t, want...)
	if p := rehearsed.plan(t); "\""+p.BasedOn+"\"" != before.header.Get("ETag") || len(p.Effects.Changes) == 0 {
		t.Errorf("based on %s, not %s; on call otherwise are %v", p.BasedOn, before.header.Get("ETag"), p.Effects.Changes)
	}
	if after := d.must(200, "GET", theConfiguration, ""); after.body != before.body {
		t.Errorf("a dry run made of %s\n%s", before.body, after.body)
	}

	// Without pruning what is not there stays.
	kept := d.must(200, "PUT", theConfiguration+"?prune=false", changed)
	kept.plan(t).holds(t, want[:3]...)
	d.must(200, "GET", "/v1/people/dan", "")
	if list := d.must(200, "GET", "/v1/people/bob/contacts", "").value(t)["items"].([]any); len(list) != 2 || list[0].(map[string]any)["id"] != contact {
		t.Errorf("bob has %v, and had contact %v", list, contact)
	}
	d.must(200, "PUT", theConfiguration, changed).plan(t).holds(t, want[3:]...)
	for _, place := range []string{"/v1/people/dan", "/v1/teams/web", "/v1/rosters/web", "/v1/policies/web", "/v1/services/web"} {
		d.must(404, "GET", place, "")
	}
	d.must(200, "PUT", theConfiguration, changed).plan(t).holds(t)

	// What was deleted comes back as it was.
	for _, kind := range []string{"person", "team", "roster"} {
		list := d.must(200, "GET", "/v1/deleted?kind="+kind, "").value(t)["items"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["deleted_by"] != "test admin" {
			t.Fatalf("deleted are %v", list)
		}
		d.must(200, "POST", fmt.Sprintf("/v1/deleted/%v/restore", list[0].(map[string]any)["id"]), "")
	}
	d.must(200, "GET", "/v1/rosters/web", "")
	// A section that is missing is not spoken of, an empty one has nothing.
	d.must(200, "PUT", theConfiguration, `{}`).plan(t).holds(t)
	d.must(200, "PUT", theConfiguration, `{"teams": []}`).plan(t).holds(t, "delete team web")
}

// What is not said of something is what it means when it is not said: also its team.
func TestAConfigurationSaysAllOfAThing(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/teams", `{"slug": "db", "members": []}`)
	document, _ := d.read(t)
	before := written(t, document)
	one(t, document, "rosters", "dba")["team"] = "db"
	one(t, document, "services", "bitbucket")["team"] = "db"
	one(t, document, "policies", "bitbucket")["name"] = "Ticketing"
	d.must(200, "PUT", theConfiguration, written(t, document)).plan(t).holds(t, "change roster dba /team", "change policy bitbucket /name", "change service bitbucket /team")
	if team := d.must(200, "GET", "/v1/rosters/dba", "").value(t)["team"]; team != "db" {
		t.Errorf("the roster is of team %v", team)
	}
	d.must(200, "PUT", theConfiguration, before).plan(t).holds(t, "change roster dba /team", "change policy bitbucket /name", "change service bitbucket /team")
	if team := d.must(200, "GET", "/v1/rosters/dba", "").value(t)["team"]; team != nil {
		t.Errorf("the roster is of team %v still", team)
	}
	d.must(200, "PUT", theConfiguration, `{"services": [{"slug": "bitbucket"}]}`).plan(t).holds(t, "change service bitbucket /policy")
}

func TestAConfigurationThatOpensAHoleIsRefused(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	one(t, document, "people", "ann")["contacts"] = []any{}
	changed := written(t, document)
	refused := d.as("admin", "PUT", theConfiguration, changed)
	if refused.status != 409 || !strings.Contains(refused.body, "/problems/opens-hole") || !strings.Contains(refused.body, "Name of ann (roster dba) has no contact") {
		t.Errorf("without her number nobody would be paged in ann's weeks: %s", refused.said())
	}
	if list := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any); len(list) != 1 {
		t.Errorf("refused, and ann has %v", list)
	}
	if p := d.must(200, "PUT", theConfiguration+"?dry_run=true", changed).plan(t); len(p.Effects.HolesOpened) == 0 {
		t.Error("the plan tells of no hole")
	}
	if p := d.must(200, "PUT", theConfiguration+"?force=true", changed).plan(t); len(p.Effects.HolesOpened) == 0 {
		t.Error("forced, the answer tells of no hole")
	}
	one(t, document, "people", "ann")["contacts"] = []any{map[string]any{"channel": "sms", "address": "+4915112345600"}}
	if p := d.must(200, "PUT", theConfiguration, written(t, document)).plan(t); len(p.Effects.HolesClosed) == 0 {
		t.Error("the answer tells of no hole that is closed")
	}
}

// All that is wrong is told at once, each at its place, and nothing is saved.
func TestAllThatIsWrongWithAConfigurationIsTold(t *testing.T) {
	d := newDesk(t)
	const rotation = `{"id": "x", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": ["ann"]}`
	for _, c := range []struct{ what, document, want string }{
		{"form", `{"people": [{"handle": "ann", "phone": "1"}, {"handle": "Bob"}], "rosters": [{"slug": "a", "rotations": [` + rotation + `, {"id": "y", "zone": 7, "rule": "FREQ=DAILY", "participants": []}]}], "keys": []}`,
			`422 /problems/validation "/keys is not a field here; there is people, policies, rosters, rules, services, severities, teams, and 4 more." [/keys is not a field here; there is people, policies, rosters, rules, services, severities, teams] ` +
				`[/people/0/phone is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone] [/people/1/handle (Bob) must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen] ` +
				`[/rosters/0/rotations/1/zone must be a text, not a number] [/rosters/0/rotations/1/start is missing]`},
		{"values", `{"people": [{"handle": "ann", "zone": "Mars/Olympus"}, {"handle": "bob"}, {"handle": "carla"}, {"handle": "bob"}, {"name": "nobody"}],
			"teams": [{"slug": "t", "members": [{"person": "ann", "role": "owner"}, {"person": "dan", "role": "owner"}]}],
			"rosters": [{"slug": "imoc", "rotations": [` + rotation + `]}, {"slug": "dba", "team": "none", "rotations": [` + rotation + `, ` + strings.Replace(rotation, "FREQ=DAILY", "FREQ=SOMETIMES", 1) + `]}],
			"policies": [{"slug": "p", "levels": [{"targets": [{"person": "ann", "roster": "dba"}]}, {"targets": [{"roster": "gone"}], "wait": "25h"}]}],
			"services": [{"slug": "s", "policy": "bitbucket"}, {"slug": "u", "policy": "p", "hours": {"zone": "Atlantis"}}]}`,
			`422 /problems/validation "/people/0/zone is not the name of a zone; use one of the IANA database, such as \"Europe/Berlin\" or \"UTC\", and 11 more." ` +
				`[/people/0/zone (Mars/Olympus) is not the name of a zone; use one of the IANA database, such as "Europe/Berlin" or "UTC"] ` +
				`[/people/3/handle (bob) is used twice; give each its own] ` +
				`[/people/4/handle must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen] ` +
				`[/teams/0/members/1/person (dan) there is no such person] ` +
				`[/rosters/1/team (none) there is no such team] ` +
				`[/rosters/1/rotations/1/rule (FREQ=SOMETIMES) FREQ=SOMETIMES: use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY; nobody hands over more often than hourly] [/rosters/1/rotations/1/id (x) is used twice in this roster; give each its own] ` +
				`[/policies/0/levels/1/targets/0/roster (gone) there is no such roster] ` +
				`[/policies/0/levels/0/targets/0 must name exactly one of person and roster] [/policies/0/levels/1/wait (25h0m0s) must be 1s to 24h0m0s] ` +
				`[/services/0/policy (bitbucket) would be deleted, as it is not among the policies of this document] ` +
				`[/services/1/hours/zone (Atlantis) is not the name of a zone; use one of the IANA database, such as "Europe/Berlin" or "UTC"]`},
	} {
		before := d.must(200, "GET", theConfiguration, "").body
		if got := d.as("admin", "PUT", theConfiguration, c.document).said(); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.what, got, c.want)
		}
		if after := d.must(200, "GET", theConfiguration, "").body; after != before {
			t.Errorf("%s: refused, and saved all the same: %s", c.what, after)
		}
	}
	many := `{"people": [` + strings.Repeat(`{"handle": "-"}, `, 200) + `{"handle": "-"}]}`
	if got := d.as("admin", "PUT", theConfiguration, many); got.status != 422 || len(got.value(t)["errors"].([]any)) != 50 {
		t.Errorf("200 mistakes: %s", got.said())
	}
}

// What fails at last leaves nothing of what was done before it.
func TestNothingOfAConfigurationIsHalfSaved(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "gone"}`)
	d.must(204, "DELETE", "/v1/people/gone", "")
	if _, err := d.db.Exec(t.Context(), `update trash set body = null`); err != nil { // too long ago to be restored
		t.Fatal(err)
	}
	at := time.Now().UTC().Add(hours(5))
	d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`, at.Format(time.RFC3339), at.Add(hours(1)).Format(time.RFC3339)))
	document, _ := d.read(t)
	before := d.must(200, "GET", theConfiguration, "").body
	one(t, document, "services", "bitbucket")["name"] = "Git"
	one(t, document, "rosters", "dba")["name"] = "Databases"
	for _, c := range []struct {
		what string
		with map[string]any
		want string
	}{
		{"a handle that rosters of the past name", map[string]any{"people": append(slices.Clone(document["people"].([]any)), map[string]any{"handle": "gone"})},
			`409 /problems/conflict "person gone was deleted, and who was on call in the past is told by that handle still. Restore it (GET /v1/deleted), or take another one." ` +
				`[/people/3/handle (gone) person gone was deleted, and who was on call in the past is told by that handle still. Restore it (GET /v1/deleted), or take another one.]`},
		{"what cannot go", map[string]any{"people": without(document, "people", "carla"), "rosters": without(document, "rosters", "imoc")},
			`409 /problems/in-use "roster imoc is the catch-all roster of this server's configuration. 1 more cannot be deleted either." ` +
				`[roster imoc is the catch-all roster of this server's configuration] [carla is one of the people of last resort in this server's configuration]`},
	} {
		changed := map[string]any{}
		for list, things := range document {
			changed[list] = things
		}
		for list, things := range c.with {
			changed[list] = things
		}
		if got := d.as("admin", "PUT", theConfiguration, written(t, changed)).said(); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", c.what, got, c.want)
		}
		if after := d.must(200, "GET", theConfiguration, "").body; after != before {
			t.Errorf("%s: was %s\nis %s", c.what, before, after)
		}
	}
}

// Whoever is taken out of a rotation and deleted by the same document leaves no hole between the two.
func TestAConfigurationPutsSomebodyElseOnCallAtOnce(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	document["people"] = without(document, "people", "ann")
	document["people"] = append(without(document, "people", "bob"), map[string]any{"handle": "dan", "contacts": []any{map[string]any{"channel": "sms", "address": "+4915112345600"}}})
	one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)["participants"] = []any{"dan"}
	one(t, document, "policies", "bitbucket")["levels"] = []any{map[string]any{"targets": []any{map[string]any{"roster": "dba"}}}}
	p := d.must(200, "PUT", theConfiguration, written(t, document)).plan(t)
	if len(p.Effects.HolesOpened) > 0 {
		t.Errorf("holes open: %v", p.Effects.HolesOpened)
	}
	for _, c := range p.Pages {
		if c.Level == 1 && !slices.Equal(c.After, []string{"dan"}) || c.To.Sub(c.From) < time.Minute {
			t.Errorf("paged otherwise: %s", c.Text)
		}
	}
}

// What was written down before turns were worked out anew says the same as what is stored now.
func TestWhoseTurnItIsIsNotForTheDocumentToSay(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	rotation := one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)
	rotation["participants"] = []any{"bob", "carla", "ann"}
	for _, ahead := range []int{0, 1, 2, 77} {
		rotation["ahead"] = ahead
		first := d.must(200, "PUT", theConfiguration, written(t, document))
		if ahead > 0 {
			first.plan(t).holds(t)
		}
	}
	if n := len(d.must(200, "GET", "/v1/rosters/dba/revisions", "").value(t)["items"].([]any)); n != 2 {
		t.Errorf("one change made %d revisions of one", n)
	}
}

// A document that was planned for later says the same until then, and after.
func TestAConfigurationThatIsPlannedIsNotBroughtForward(t *testing.T) {
	for _, order := range [][]any{{"carla", "bob", "ann"}, {"bob", "carla", "ann"}, {"ann", "carla", "bob"}, {"bob", "ann", "carla"}} {
		d := newDesk(t)
		document, _ := d.read(t)
		one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)["participants"] = order
		later := time.Now().UTC().Add(20 * 24 * time.Hour).Truncate(time.Second)
		d.must(200, "PUT", theConfiguration+"?effective_from="+later.Format(time.RFC3339), written(t, document))
		d.must(200, "PUT", theConfiguration, written(t, document)).plan(t).holds(t)
	}
}

// Rule 16, and what is planned stays planned.
func TestAConfigurationCountsFromAnInstantOn(t *testing.T) {
	d := newDesk(t)
	later := time.Now().UTC().Add(20 * 24 * time.Hour).Truncate(time.Second)
	onCall := func(at time.Time) any {
		t.Helper()
		return d.must(200, "GET", "/v1/rosters/dba/oncall?at="+at.Format(time.RFC3339), "").value(t)["on_call"].([]any)[0].(map[string]any)["person"]
	}
	holder := onCall(later.Add(-time.Minute))
	document, _ := d.read(t)
	one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)["participants"] = []any{"carla"}
	p := d.must(200, "PUT", theConfiguration+"?effective_from="+later.Format(time.RFC3339), written(t, document)).plan(t)
	if p.holds(t, "change roster dba /rotations/0/participants"); len(p.Effects.Changes) == 0 || !p.Effects.Changes[0].From.Equal(later) {
		t.Errorf("planned for %v, and on call otherwise are %v", later, p.Effects.Changes)
	}
	for _, change := range p.Pages {
		if change.From.Before(later) {
			t.Errorf("planned for %v, and paged otherwise are %s", later, change.Text)
		}
	}
	// Neither what says the same, nor another name, brings it forward.
	document, _ = d.read(t)
	d.must(200, "PUT", theConfiguration, written(t, document)).plan(t).holds(t)
	one(t, document, "rosters", "dba")["name"] = "Databases"
	d.must(200, "PUT", theConfiguration, written(t, document)).plan(t).holds(t, "change roster dba /name")
	if now, then := onCall(later.Add(-time.Minute)), onCall(later); now != holder || then != "carla" {
		t.Errorf("on call are %v before, and %v after; want %v and carla", now, then, holder)
	}
	// Somebody who stands in it until then cannot go yet.
	document["people"] = without(document, "people", "ann")
	if got := d.as("admin", "PUT", theConfiguration, written(t, document)).said(); !strings.HasPrefix(got, `409 /problems/in-use "ann `) || !strings.Contains(got, "stands in rotation primary of roster dba") {
		t.Errorf("ann goes, who is on call until then: %s", got)
	}
}

func TestWhoeverWasSlowerLearnsWhatOfTheConfigurationChanged(t *testing.T) {
	d := newDesk(t)
	document, etag := d.read(t)
	one(t, document, "services", "bitbucket")["name"] = "Git"
	d.must(200, "PUT", "/v1/policies/bitbucket", `{"levels": [{"targets": [{"roster": "dba"}]}]}`)
	for _, dry := range []string{"", "?dry_run=true"} {
		got := d.as("admin", "PUT", theConfiguration+dry, written(t, document), etag)
		if got.status != 412 || !strings.Contains(got.said(), "it was changed since. Last policy bitbucket was changed at 20") || !strings.Contains(got.said(), "[policy bitbucket was changed at 20") {
			t.Errorf("got %s", got.said())
		}
	}
	if name := d.must(200, "GET", "/v1/services/bitbucket", "").value(t)["name"]; name != "bitbucket" {
		t.Errorf("refused, and the service is called %v", name)
	}
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	d.must(204, "DELETE", "/v1/people/dan", "")
	if got := d.as("admin", "PUT", theConfiguration, written(t, document), etag).said(); !strings.Contains(got, "Last person dan was deleted at 20") {
		t.Errorf("got %s", got)
	}
	for _, same := range []string{"If-Match: *", "If-Match: W/" + strings.TrimPrefix(d.must(200, "GET", theConfiguration, "").header.Get("ETag"), "")} {
		d.must(200, "PUT", theConfiguration+"?dry_run=true", written(t, document), same)
	}
}

// Two that were decided on the same state: one is done, whichever.
func TestOfTwoConfigurationsAtOnceOneWins(t *testing.T) {
	d := newDesk(t)
	document, etag := d.read(t)
	const n = 4
	var answers [n]answered
	var all sync.WaitGroup
	for i := range n {
		one(t, document, "services", "bitbucket")["name"] = fmt.Sprint("Git ", i)
		changed := written(t, document)
		all.Go(func() { answers[i] = d.as("admin", "PUT", theConfiguration, changed, etag) })
	}
	all.Wait()
	name := d.must(200, "GET", "/v1/services/bitbucket", "").value(t)["name"]
	won := 0
	for i, a := range answers {
		switch {
		case a.status == 200 && name == fmt.Sprint("Git ", i):
			won++
		case a.status != 412:
			t.Errorf("the service is called %v, and %d was told: %s", name, i, a.said())
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// waiting returns when so many wait for a lock of a kind, or with "" of any.
func (d *desk) waiting(t *testing.T, kind string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		var found int
		err := d.db.QueryRow(ctx, `select count(*) from pg_locks where ($1 = '' or locktype = $1) and not granted and pid in (select pid from pg_stat_activity where datname = current_database())`, kind).Scan(&found)
		if err != nil {
			t.Fatal(err)
		}
		if found >= n {
			return
		}
	}
}

// While the whole is being changed nobody changes a part of it, and whoever is to be paged is read.
func TestAConfigurationIsNotChangedWhileItIsChanged(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	document, etag := d.read(t)
	one(t, document, "people", "dan")["name"] = "Daniel"
	one(t, document, "services", "bitbucket")["name"] = "Git"
	row, err := d.db.Begin(t.Context()) // holds the change up in its middle
	if err != nil {
		t.Fatal(err)
	}
	if _, err := row.Exec(t.Context(), `select from service where id = 'bitbucket' for share`); err != nil {
		t.Fatal(err)
	}
	var whole, part answered
	var all sync.WaitGroup
	all.Go(func() { whole = d.as("admin", "PUT", theConfiguration, written(t, document), etag) })
	d.waiting(t, "transactionid", 1)
	all.Go(func() {
		part = d.as("admin", "PUT", "/v1/people/dan", `{"name": "Dan"}`)
	})
	d.waiting(t, "advisory", 1)

	at := time.Now().UTC()
	d.must(200, "GET", "/v1/oncall", "")
	d.must(200, "GET", "/v1/coverage", "")
	d.must(200, "GET", theConfiguration, "")
	d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`, at.Format(time.RFC3339), at.Add(hours(1)).Format(time.RFC3339)))
	if err := row.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if whole.status != 200 || part.status != 200 {
		t.Fatalf("the whole: %s\nthe part: %s", whole.said(), part.said())
	}
	if name := d.must(200, "GET", "/v1/people/dan", "").value(t)["name"]; name != "Dan" {
		t.Errorf("the part was changed last, and dan is called %v", name)
	}
}

// Whatever was under way counts: the document was not made for that.
func TestAConfigurationWaitsForAChangeThatIsUnderWay(t *testing.T) {
	d := newDesk(t)
	document, etag := d.read(t)
	row, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := row.Exec(t.Context(), `select from service where id = 'bitbucket' for share`); err != nil {
		t.Fatal(err)
	}
	var whole, part answered
	var all sync.WaitGroup
	all.Go(func() {
		part = d.as("admin", "PUT", "/v1/services/bitbucket", `{"name": "Git", "policy": "bitbucket"}`)
	})
	d.waiting(t, "transactionid", 1)
	all.Go(func() { whole = d.as("admin", "PUT", theConfiguration, written(t, document), etag) })
	d.waiting(t, "advisory", 1)
	if err := row.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if part.status != 200 || whole.status != 412 {
		t.Errorf("the part: %s\nthe whole: %s", part.said(), whole.said())
	}
}

// Those who wait leave connections to others.
func TestChangesThatWaitLeaveConnectionsToOthers(t *testing.T) {
	d := newDesk(t)
	row, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := row.Exec(t.Context(), `select from service where id = 'bitbucket' for update`); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() { d.as("admin", "PUT", "/v1/services/bitbucket", `{"policy": "bitbucket"}`) })
	}
	d.waiting(t, "transactionid", 1)
	for range 10 {
		d.must(200, "GET", "/v1/oncall", "")
	}
	// Keys are looked up before the door: for a moment those who come hold more. Others are answered all the while.
	for until := time.Now().Add(10 * time.Second); d.db.Stat().AcquiredConns() > 10; d.must(200, "GET", "/v1/oncall", "") {
		if time.Now().After(until) {
			t.Fatalf("%d connections are held", d.db.Stat().AcquiredConns())
		}
	}
	if err := row.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

func TestAConfigurationThatIsSentAgainIsDoneOnce(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	one(t, document, "services", "bitbucket")["name"] = "Git"
	first := d.must(200, "PUT", theConfiguration, written(t, document), "Idempotency-Key: a")
	d.must(200, "PUT", "/v1/services/bitbucket", `{"policy": "bitbucket"}`)
	again := d.must(200, "PUT", theConfiguration, written(t, document), "Idempotency-Key: a")
	if again.body != first.body || again.header.Get("ETag") != first.header.Get("ETag") || len(first.plan(t).Changes) != 1 {
		t.Errorf("first %s, then %s", first.body, again.body)
	}
	if name := d.must(200, "GET", "/v1/services/bitbucket", "").value(t)["name"]; name != "bitbucket" {
		t.Errorf("it was done again: the service is called %v", name)
	}
	if got := d.as("admin", "PUT", theConfiguration, `{}`, "Idempotency-Key: a"); got.status != 409 {
		t.Errorf("another document under the same key: %s", got.said())
	}
}

// What the plan says of pages is what the rosters say.
func TestAPlanTellsWhoWouldBePagedOtherwise(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	one(t, document, "policies", "bitbucket")["levels"] = []any{
		map[string]any{"targets": []any{map[string]any{"person": "carla"}}, "wait": "5m"}, map[string]any{"targets": []any{map[string]any{"person": "bob"}}, "wait": "90s"}}
	p := d.must(200, "PUT", theConfiguration+"?dry_run=true", written(t, document)).plan(t)
	p.holds(t, "change policy bitbucket /levels/0/targets")
	var reached time.Time
	for i, c := range p.Pages {
		if c.Service != "bitbucket" || c.Level != 1 || !slices.Equal(c.After, []string{"carla"}) || !strings.Contains(c.Text, "bitbucket, severity 1 and 2") || !strings.Contains(c.Text, "Name of carla instead of Name of") {
			t.Errorf("paged otherwise: %+v", c)
		}
		duty := d.must(200, "GET", "/v1/rosters/dba/oncall?at="+c.From.Format(time.RFC3339Nano), "").value(t)["on_call"].([]any)[0].(map[string]any)
		if duty["person"] != c.Before[0] || i > 0 && !c.From.Equal(reached) {
			t.Errorf("from %v on %v was to be paged, and %v is on call; told is until %v", c.From, c.Before, duty, reached)
		}
		reached = c.To
	}
	if span := reached.Sub(p.Pages[0].From); span != 14*24*time.Hour {
		t.Errorf("told is of %v", span)
	}
	if after := d.must(200, "PUT", theConfiguration, written(t, document)).plan(t); len(after.Pages) != len(p.Pages) {
		t.Errorf("planned were %d, done %d", len(p.Pages), len(after.Pages))
	}
}

// rosterOf many rotations, each of one of some people, from a day on.
func manyRotations(roster, rotations int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"slug": "roster-%d", "rotations": [`, roster)
	for i := range rotations {
		fmt.Fprintf(&b, `%s{"id": "r%d", "zone": "Europe/Berlin", "start": "2026-01-%02dT09:00:00", "rule": "FREQ=WEEKLY", "participants": ["ann", "bob", "carla"]}`, strings.Repeat(", ", min(i, 1)), i, 1+i%28)
	}
	return b.String() + "]}"
}

func TestTenThousandRotationsInOneDocument(t *testing.T) {
	d := newDesk(t)
	document := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, manyRotations(i, 100))
		}
		return `{"rosters": [` + strings.Join(all, ", ") + `]}`
	}
	began := time.Now()
	made := d.must(200, "PUT", theConfiguration+"?prune=false", document(100))
	took := time.Since(began)
	t.Logf("%d KiB of 10,000 rotations are done in %v", len(document(100))>>10, took.Round(time.Millisecond))
	if n := len(made.plan(t).Changes); n != 100 {
		t.Errorf("%d changes, not 100 rosters", n)
	}
	began = time.Now()
	d.must(200, "PUT", theConfiguration+"?prune=false", document(100)).plan(t).holds(t)
	t.Logf("again in %v", time.Since(began).Round(time.Millisecond))
	got := d.as("admin", "PUT", theConfiguration+"?prune=false", strings.Replace(document(100), `{"rosters": [`, `{"rosters": [`+manyRotations(100, 1)+`, `, 1)).said()
	if want := `422 /problems/validation "/rosters have 10001 rotations together; the limit is 10000." [/rosters have 10001 rotations together; the limit is 10000]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	large := `{"services": [{"slug": "bitbucket", "name": "` + strings.Repeat("x", 16<<20) + `"}]}`
	if got, want := d.as("admin", "PUT", theConfiguration, large).said(), `413 /problems/too-large "The body is larger than 16777216 bytes (16 MiB)."`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Rotations count later; people, policies and services change now, and a hole that they open now is seen.
func TestAConfigurationForLaterOpensNoHoleNow(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	one(t, document, "people", "ann")["contacts"] = []any{}
	one(t, document, "rosters", "dba")["rotations"].([]any)[0].(map[string]any)["participants"] = []any{"bob"}
	from := theConfiguration + "?effective_from=" + time.Now().UTC().AddDate(0, 0, 30).Format(time.RFC3339)
	if got := d.as("admin", "PUT", from, written(t, document)); got.status != 409 || !strings.Contains(got.body, "Name of ann (roster dba) has no contact") {
		t.Errorf("got %s", got.said())
	}
	far := theConfiguration + "?effective_from=" + time.Now().UTC().AddDate(0, 0, 70).Format(time.RFC3339)
	if got := d.as("admin", "PUT", far, written(t, document)); got.status != 422 || !strings.Contains(got.body, "must be within the next 60 days") {
		t.Errorf("got %s", got.said())
	}
}

// What rotations that are planned mean is seen: when they count is part of what a plan is made on, and of what it says.
func TestAPlannedRevisionIsPartOfAPlan(t *testing.T) {
	d := newDesk(t)
	later := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.RFC3339) }
	planned := `{"slug": "dba", "rotations": [` + strings.Replace(weekly, `"ann", "bob"`, `"carla"`, 1) + `]}`
	d.must(200, "PUT", "/v1/rosters/dba?force=true&effective_from="+later(20), planned)
	document, etag := d.read(t)
	one(t, document, "rosters", "dba")["rotations"] = append(one(t, document, "rosters", "dba")["rotations"].([]any),
		map[string]any{"id": "second", "rank": -1, "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=WEEKLY", "participants": []any{"bob"}})
	got := d.must(200, "PUT", theConfiguration+"?dry_run=true", written(t, document), etag)
	if !strings.Contains(got.body, `"pointer":"/effective_from"`) {
		t.Errorf("the plan does not say that what was planned counts now: %s", got.body)
	}
	d.must(200, "PUT", "/v1/rosters/dba?force=true&effective_from="+later(1), planned)
	if late := d.as("admin", "PUT", theConfiguration, written(t, document), etag); late.status != 412 {
		t.Errorf("the revision was brought forward, and the older plan is done: %s", late.said())
	}
}

// Names do not tell what a request is about: whatever a service is called, it waits for its turn.
func TestNamesPassNoLock(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/services", `{"slug": "keys-api", "policy": "bitbucket"}`)
	d.must(201, "POST", "/v1/people", `{"handle": "swaps"}`)
	tx, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := rosterdb.New(tx).TakeConfiguration(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { d.as("admin", "PUT", "/v1/services/keys-api", `{"policy": "bitbucket"}`) })
	all.Go(func() { d.as("admin", "PUT", "/v1/people/swaps", `{}`) })
	d.waiting(t, "advisory", 2)
	d.must(201, "POST", "/v1/services/keys-api/keys", `{"name": "an alerter"}`) // which is no part of it
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

func TestDurationsAreWholeMilliseconds(t *testing.T) {
	d := newDesk(t)
	if got := d.as("admin", "POST", "/v1/people/ann/contacts", `{"channel": "sms", "address": "+4915112345618", "after": "1.0000001s"}`); got.status != 422 || !strings.Contains(got.body, "whole milliseconds") {
		t.Errorf("got %s", got.said())
	}
}

// Whoever goes back to an older file has the same people again.
func TestAnOlderFileBringsBackWhoWasDeleted(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan", "name": "Dan"}`)
	older, _ := d.read(t)
	newer, _ := d.read(t)
	newer["people"] = without(newer, "people", "dan")
	d.must(200, "PUT", theConfiguration, written(t, newer))
	d.must(404, "GET", "/v1/people/dan", "")
	d.must(200, "PUT", theConfiguration, written(t, older))
	if got := d.must(200, "GET", "/v1/people/dan", "").value(t); got["name"] != "Dan" {
		t.Errorf("got %v", got)
	}
	if left := d.must(200, "GET", "/v1/deleted?kind=person", "").value(t)["items"].([]any); len(left) != 0 {
		t.Errorf("he is among the deleted still: %v", left)
	}
}
