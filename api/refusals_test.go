package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRefusals shows what is answered to requests that cannot be done: status, type, message, and what
// is wrong with which field. Nothing of any of them is stored.
func TestRefusals(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/rosters/dba/overrides", `{"person": "carla", "rotation": "primary", "from": "2098-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}`)
	d.must(201, "POST", "/v1/people", `{"handle": "eve"}`)
	d.must(201, "POST", "/v1/rosters", `{"slug": "later", "rotations": [{"id": "all", "zone": "UTC", "start": "2099-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": ["eve"]}]}`)
	d.must(201, "POST", "/v1/policies", `{"slug": "eve", "levels": [{"targets": [{"person": "eve"}]}]}`)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	rotation := func(change string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(change, `"`), `"`)
		fields := map[string]string{"id": `"x"`, "zone": `"UTC"`, "start": `"2026-01-05T09:00:00"`, "rule": `"FREQ=DAILY"`, "participants": `["ann"]`}
		s := ""
		for _, f := range []string{"id", "zone", "start", "rule", "participants"} {
			if f != name {
				s += `"` + f + `": ` + fields[f] + ", "
			}
		}
		return `{"slug": "new", "rotations": [{` + s + change + `}]}`
	}
	person := func(contact string) string { return `{"handle": "dan", "contacts": [` + contact + `]}` }

	for _, c := range []struct{ what, request, body, want string }{
		// The body as such.
		{"JSON that is not JSON", "POST /v1/people", `{"handle": "dan",}`,
			`400 /problems/not-json "The body is not JSON: line 1, column 18: invalid character '}' looking for beginning of object key string."`},
		{"JSON that ends too early", "POST /v1/people", `{"handle": "dan"`,
			`400 /problems/not-json "The body is not JSON: it ends too early."`},
		{"two JSON values", "POST /v1/people", "{\"handle\": \"dan\"}\n{}",
			`400 /problems/not-json "The body is not JSON: line 2, column 1: something stands behind its end."`},
		{"no body", "POST /v1/people", ``,
			`400 /problems/not-json "The body is empty; a JSON object is needed."`},
		{"JSON that is no object", "POST /v1/people", `["dan"]`,
			`422 /problems/validation "must be an object, not a list." [must be an object, not a list]`},
		{"a body over 256 KiB", "POST /v1/people", `{"handle": "dan", "name": "` + strings.Repeat("x", 256<<10) + `"}`,
			`413 /problems/too-large "The body is larger than 262144 bytes (256 KiB)."`},
		{"deep nesting", "POST /v1/people", deep(33),
			`400 /problems/too-deep "The JSON is nested deeper than 32 levels."`},
		{"nesting as deep as is read", "POST /v1/people", deep(32),
			`422 /problems/validation "/a is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone." [/a is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone]`},
		{"deep nesting that is not JSON", "POST /v1/people", strings.Repeat("[", 200_000),
			`400 /problems/too-deep "The JSON is nested deeper than 32 levels."`},
		{"an unknown field", "POST /v1/people", `{"handle": "dan", "phone": "+4915112345617"}`,
			`422 /problems/validation "/phone is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone." [/phone is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone]`},
		{"an unknown field, and a field that is missing, within", "POST /v1/people", person(`{"channel": "sms", "adress": "+4915112345617"}`),
			`422 /problems/validation "/contacts/0/adress is not a field here; there is address, after, channel, disabled, plan, and 1 more." [/contacts/0/adress is not a field here; there is address, after, channel, disabled, plan] [/contacts/0/address is missing]`},
		{"a known field in capitals", "POST /v1/people", `{"Handle": "dan"}`,
			`422 /problems/validation "/Handle is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone." [/Handle is not a field here; there is call_again, call_again_for, contacts, handle, language, name, quiet, zone]`},
		{"fields of another kind", "POST /v1/people", `{"handle": 7, "contacts": "none", "name": null}`,
			`422 /problems/validation "/contacts must be a list, not a text, and 2 more." [/contacts must be a list, not a text] [/handle must be a text, not a number] [/name must be a text, not null]`},
		{"a text with NUL", "POST /v1/people", `{"handle": "dan", "name": "a\u0000b"}`,
			`422 /problems/validation "/name must be UTF-8 without NUL." [/name must be UTF-8 without NUL]`},

		// People.
		{"a person without handle", "POST /v1/people", `{"name": "Dan"}`,
			`422 /problems/validation "/handle must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen." [/handle must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen]`},
		{"a handle that is none", "POST /v1/people", `{"handle": "Dan Example"}`,
			`422 /problems/validation "/handle must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen." [/handle (Dan Example) must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen]`},
		{"two people with one handle", "POST /v1/people", `{"handle": "ann", "name": "Another Ann"}`,
			`409 /problems/conflict "There is a person ann already."`},
		{"a handle that changes", "PUT /v1/people/ann", `{"handle": "anna"}`,
			`422 /problems/validation "/handle is not that of the path; a handle never changes." [/handle (anna) is not that of the path; a handle never changes]`},
		{"a zone that is none", "POST /v1/people", `{"handle": "dan", "zone": "Mars/Olympus"}`,
			`422 /problems/validation "/zone is not the name of a zone; use one of the IANA database, such as \"Europe/Berlin\" or \"UTC\"." [/zone (Mars/Olympus) is not the name of a zone; use one of the IANA database, such as "Europe/Berlin" or "UTC"]`},
		{"a phone number that is not E.164", "POST /v1/people", person(`{"channel": "sms", "address": "0151 12345617"}`),
			`422 /problems/validation "/contacts/0/address must be + and 7 to 15 digits, the first not 0, without spaces (E.164), such as +4915112345678." [/contacts/0/address (015…17) must be + and 7 to 15 digits, the first not 0, without spaces (E.164), such as +4915112345678]`},
		{"a phone number that is not E.164, alone", "POST /v1/people/ann/contacts", `{"channel": "voice", "address": "+0123"}`,
			`422 /problems/validation "/address must be + and 7 to 15 digits, the first not 0, without spaces (E.164), such as +4915112345678." [/address (…) must be + and 7 to 15 digits, the first not 0, without spaces (E.164), such as +4915112345678]`},
		{"a channel that is none", "POST /v1/people", person(`{"channel": "fax", "address": "+4915112345617"}`),
			`422 /problems/validation "/contacts/0/channel must be push, web_push, sms, voice, email or webhook." [/contacts/0/channel (fax) must be push, web_push, sms, voice, email or webhook]`},
		{"a time that is none", "POST /v1/people", person(`{"channel": "sms", "address": "+4915112345617", "after": "5 minutes"}`),
			`422 /problems/validation "/contacts/0/after must be a duration such as 90s, 5m or 1h30m." [/contacts/0/after (5 minutes) must be a duration such as 90s, 5m or 1h30m]`},
		{"a time beyond what is counted", "POST /v1/people", person(`{"channel": "sms", "address": "+4915112345617", "after": "999999999h"}`),
			`422 /problems/validation "/contacts/0/after must be a duration such as 90s, 5m or 1h30m." [/contacts/0/after (999999999h) must be a duration such as 90s, 5m or 1h30m]`},
		{"a contact twice", "POST /v1/people", person(`{"channel": "push", "address": "dan"}, {"channel": "push", "address": "dan", "after": "0s"}`),
			`422 /problems/validation "/contacts/1 is the same as contact 0: channel, address and time." [/contacts/1 is the same as contact 0: channel, address and time]`},
		{"a contact that is there", "POST /v1/people/ann/contacts", `{"channel": "sms", "address": "+4915112345617"}`,
			`409 /problems/conflict "ann has this contact already: channel, address and time."`},
		{"a person who is not there", "GET /v1/people/nobody", ``,
			`404 /problems/not-found "There is no person nobody."`},
		{"a contact that is not there", "GET /v1/people/ann/contacts/4711", ``,
			`404 /problems/not-found "There is no contact 4711 of person ann."`},

		// Deleting what is needed.
		{"deleting someone who is on call", "DELETE /v1/people/carla", ``,
			`409 /problems/in-use "carla is one of the people of last resort in this server's configuration."`},
		{"deleting someone whom a rotation and a policy name", "DELETE /v1/people/eve", ``,
			`409 /problems/in-use "eve stands in rotation all of roster later, and 1 more. Put somebody else in first." [eve stands in rotation all of roster later] [eve is named by policy eve]`},
		{"deleting a roster that a policy names", "DELETE /v1/rosters/dba", ``,
			`409 /problems/in-use "roster dba is named by policy bitbucket. Change the policy first." [roster dba is named by policy bitbucket]`},
		{"deleting the catch-all roster", "DELETE /v1/rosters/imoc", ``,
			`409 /problems/in-use "roster imoc is the catch-all roster of this server's configuration."`},
		{"deleting a policy that a service names", "DELETE /v1/policies/bitbucket", ``,
			`409 /problems/in-use "policy bitbucket is the policy of service bitbucket. Give the service another policy first." [policy bitbucket is the policy of service bitbucket]`},
		{"taking away a rotation that an override names", "PUT /v1/rosters/dba", strings.Replace(`{"rotations": [`+weekly+`]}`, "primary", "second", 1),
			`409 /problems/in-use "roster dba would lose rotation primary, which override 1 names, 2098-01-01T00:00:00Z to 2099-01-01T00:00:00Z. Delete the override first." [roster dba would lose rotation primary, which override 1 names, 2098-01-01T00:00:00Z to 2099-01-01T00:00:00Z]`},
		{"deleting the only rotation", "DELETE /v1/rosters/imoc/rotations/only", ``,
			`409 /problems/in-use "Rotation only is the only one of roster imoc, in which nobody would be on call without it."`},

		// Rosters.
		{"a roster without rotations", "POST /v1/rosters", `{"slug": "new"}`,
			`422 /problems/validation "/rotations a roster needs a rotation or an override, or nobody would ever be on call." [/rotations a roster needs a rotation or an override, or nobody would ever be on call]`},
		{"a roster without participants", "POST /v1/rosters", rotation(`"participants": []`),
			`422 /problems/validation "/rotations/0/participants a rotation needs at least one participant, or nobody would ever be on call." [/rotations/0/participants a rotation needs at least one participant, or nobody would ever be on call]`},
		{"a participant who is not there", "POST /v1/rosters", rotation(`"participants": ["ann", "nobody", "bob", "nobody"]`),
			`422 /problems/validation "/rotations/0/participants/1: there is no such person, and 1 more." [/rotations/0/participants/1 (nobody) there is no such person] [/rotations/0/participants/3 (nobody) there is no such person]`},
		{"a participant who is not there, alone", "POST /v1/rosters/dba/rotations", strings.Replace(strings.Replace(weekly, "primary", "second", 1), "bob", "nobody", 1),
			`422 /problems/validation "/participants/1: there is no such person." [/participants/1 (nobody) there is no such person]`},
		{"an rrule that never occurs", "POST /v1/rosters", rotation(`"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"`),
			`422 /problems/validation "/rotations/0/rule never occurs; check INTERVAL and the BY… parts against each other and the start." [/rotations/0/rule (FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30) never occurs; check INTERVAL and the BY… parts against each other and the start]`},
		{"an rrule that would run for ever", "POST /v1/rosters/dba/rotations", `{"id": "x", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=SECONDLY", "participants": ["ann"]}`,
			`422 /problems/validation "/rule FREQ=SECONDLY: use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY; nobody hands over more often than hourly." [/rule (FREQ=SECONDLY) FREQ=SECONDLY: use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY; nobody hands over more often than hourly]`},
		{"two rosters with one slug", "POST /v1/rosters", `{"slug": "dba", "rotations": [` + weekly + `]}`,
			`409 /problems/conflict "There is a roster dba already."`},
		{"two rotations with one id", "POST /v1/rosters/dba/rotations", weekly,
			`409 /problems/conflict "There is a rotation primary in roster dba already."`},
		{"a roster that is not there", "GET /v1/rosters/nothing/oncall", ``,
			`404 /problems/not-found "There is no roster nothing."`},

		// Overrides.
		{"an override that ends before it begins", "POST /v1/rosters/dba/overrides", `{"person": "ann", "from": "2100-01-02T00:00:00Z", "to": "2100-01-01T00:00:00Z"}`,
			`422 /problems/validation "/to must be later than from, which is 2100-01-02T00:00:00Z." [/to (2100-01-01T00:00:00Z) must be later than from, which is 2100-01-02T00:00:00Z]`},
		{"an override that is over", "POST /v1/rosters/dba/overrides", `{"person": "ann", "from": "2020-01-02T00:00:00Z", "to": "2020-01-03T00:00:00Z"}`,
			`422 /problems/validation "/to is over; who was on call does not change any more." [/to (2020-01-03T00:00:00Z) is over; who was on call does not change any more]`},
		{"an override by somebody who is not there", "POST /v1/rosters/dba/overrides", `{"person": "nobody", "from": "2100-01-02T00:00:00Z", "to": "2100-01-03T00:00:00Z"}`,
			`422 /problems/validation "/person: there is no such person." [/person (nobody) there is no such person]`},
		{"an override of a rotation that is not there", "POST /v1/rosters/dba/overrides", `{"person": "ann", "rotation": "second", "from": "2100-01-02T00:00:00Z", "to": "2100-01-03T00:00:00Z"}`,
			`422 /problems/validation "/rotation the roster has no such rotation; leave it empty to cover the whole roster." [/rotation (second) the roster has no such rotation; leave it empty to cover the whole roster]`},
		{"a time without zone", "POST /v1/rosters/dba/overrides", `{"person": "ann", "from": "2100-01-02 00:00", "to": "2100-01-03T00:00:00Z"}`,
			`422 /problems/validation "/from must be a time such as 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00 (RFC 3339; in a query write + as %2B)." [/from (2100-01-02 00:00) must be a time such as 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00 (RFC 3339; in a query write + as %2B)]`},
		{"an override that is not there", "DELETE /v1/rosters/dba/overrides/4711", ``,
			`404 /problems/not-found "There is no override 4711 of roster dba."`},

		// Policies and services.
		{"a policy that names a roster that is not there", "POST /v1/policies", `{"slug": "new", "levels": [{"targets": [{"roster": "dba"}]}, {"targets": [{"person": "ann"}, {"roster": "nothing"}, {"person": "nobody"}]}]}`,
			`422 /problems/validation "/levels/1/targets/1/roster: there is no such roster, and 1 more." [/levels/1/targets/1/roster (nothing) there is no such roster] [/levels/1/targets/2/person (nobody) there is no such person]`},
		{"a policy without levels", "POST /v1/policies", `{"slug": "new", "levels": []}`,
			`422 /problems/validation "/levels a policy needs 1 to 20 levels." [/levels (0) a policy needs 1 to 20 levels]`},
		{"a level without targets", "POST /v1/policies", `{"slug": "new", "levels": [{"targets": []}]}`,
			`422 /problems/validation "/levels/0/targets a level needs 1 to 20 targets, or nobody would be paged." [/levels/0/targets (0) a level needs 1 to 20 targets, or nobody would be paged]`},
		{"a target that is two", "POST /v1/policies", `{"slug": "new", "levels": [{"targets": [{"roster": "dba", "person": "ann"}]}]}`,
			`422 /problems/validation "/levels/0/targets/0 must name exactly one of person and roster." [/levels/0/targets/0 must name exactly one of person and roster]`},
		{"a wait too long", "POST /v1/policies", `{"slug": "new", "levels": [{"targets": [{"roster": "dba"}], "wait": "25h"}]}`,
			`422 /problems/validation "/levels/0/wait must be 1s to 24h0m0s." [/levels/0/wait (25h0m0s) must be 1s to 24h0m0s]`},
		{"an expiry too soon", "POST /v1/policies", `{"slug": "new", "levels": [{"targets": [{"roster": "dba"}]}], "ack_expiry": {"1": "10s"}}`,
			`422 /problems/validation "/ack_expiry/1 must be 0s (for ever) or 1m0s to 168h0m0s." [/ack_expiry/1 (10s) must be 0s (for ever) or 1m0s to 168h0m0s]`},
		{"a service whose policy is not there", "POST /v1/services", `{"slug": "new", "policy": "nothing"}`,
			`422 /problems/validation "/policy: there is no such policy." [/policy (nothing) there is no such policy]`},
		{"a day that is none", "POST /v1/services", `{"slug": "new", "hours": {"windows": [{"days": ["monday"], "from": "9:00", "to": "17:00"}]}}`,
			`422 /problems/validation "/hours/windows/0/days/0 must be one of sun, mon, tue, wed, thu, fri, sat." [/hours/windows/0/days/0 (monday) must be one of sun, mon, tue, wed, thu, fri, sat]`},
		{"an hour that is none", "POST /v1/services", `{"slug": "new", "hours": {"windows": [{"days": ["mon"], "from": "9:00", "to": "17:00"}]}}`,
			`422 /problems/validation "/hours/windows/0/from must be a time of day such as \"09:00\" or \"09:00:30\", in 24 hours; \"24:00\" is the end of the day." [/hours/windows/0/from (9:00) must be a time of day such as "09:00" or "09:00:30", in 24 hours; "24:00" is the end of the day]`},

		// Keys.
		{"a scope that is none", "POST /v1/keys", `{"name": "x", "scopes": ["write"]}`,
			`422 /problems/validation "/scopes/0 must be one of intake, respond, read, admin." [/scopes/0 (write) must be one of intake, respond, read, admin]`},
		{"a key without scope", "POST /v1/keys", `{"name": "x", "scopes": []}`,
			`422 /problems/validation "/scopes must have at least 1 elements." [/scopes must have at least 1 elements]`},
		{"a key of somebody who is not there", "POST /v1/keys", `{"name": "x", "scopes": ["respond"], "person": "nobody"}`,
			`422 /problems/validation "/person: there is no such person." [/person (nobody) there is no such person]`},
		{"a key of a service that is not there", "POST /v1/services/nothing/keys", `{"name": "x"}`,
			`404 /problems/not-found "There is no service nothing."`},

		// Parameters.
		{"a limit that is no number", "GET /v1/people?limit=all", ``,
			`422 /problems/validation "limit must be a whole number." [limit (all) must be a whole number]`},
		{"a limit too large", "GET /v1/people?limit=1000", ``,
			`422 /problems/validation "limit must be 1 to 200." [limit (1000) must be 1 to 200]`},
		{"a parameter that is none", "GET /v1/incidents?state=new", ``,
			`422 /problems/validation "state is not a parameter here; there is status, service, drills, cursor, limit." [state is not a parameter here; there is status, service, drills, cursor, limit]`},
		{"a parameter twice", "GET /v1/people?limit=1&limit=2", ``,
			`422 /problems/validation "limit is given more than once." [limit is given more than once]`},
		{"a status that is none", "GET /v1/incidents?status=new&status=open", ``,
			`422 /problems/validation "status must be one of new, fixing, resolved." [status (open) must be one of new, fixing, resolved]`},
		{"a cursor that no list gave", "GET /v1/incidents?cursor=$", ``,
			`422 /problems/validation "cursor is not one that this list gave." [cursor ($) is not one that this list gave]`},
		{"a time that a query garbled", "GET /v1/oncall?at=2026-01-05T09:00:00+01:00", ``,
			`422 /problems/validation "at must be a time such as 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00 (RFC 3339; in a query write + as %2B)." [at (2026-01-05T09:00:00 01:00) must be a time such as 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00 (RFC 3339; in a query write + as %2B)]`},
		{"a span too long", "GET /v1/rosters/dba/shifts?from=2026-01-01T00:00:00Z&to=2027-01-03T00:00:00Z", ``,
			`422 /problems/validation "to must be at most 366 days after from, which is 2026-01-01T00:00:00Z." [to (2027-01-03T00:00:00Z) must be at most 366 days after from, which is 2026-01-01T00:00:00Z]`},
		{"a span that ends before it begins", "GET /v1/rosters/dba/shifts?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ``,
			`422 /problems/validation "to must be later than from, which is 2026-01-02T00:00:00Z." [to (2026-01-01T00:00:00Z) must be later than from, which is 2026-01-02T00:00:00Z]`},
		{"an id that is no number", "GET /v1/keys/first", ``,
			`422 /problems/validation "id must be a whole number." [id (first) must be a whole number]`},
		{"a slug that is none", "GET /v1/rosters/DBA", ``,
			`422 /problems/validation "slug must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen." [slug (DBA) must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen]`},

		// Incidents.
		{"an incident that is not there", "GET /v1/incidents/HOT-4711", ``,
			`404 /problems/not-found "There is no incident HOT-4711."`},
		{"an answer by nobody", "POST /v1/incidents/HOT-1/acknowledge", ``,
			`422 /problems/validation "/person is missing; the key is bound to nobody, so it has to be said who answers." [/person is missing; the key is bound to nobody, so it has to be said who answers]`},
		{"an answer by somebody who is not there", "POST /v1/incidents/HOT-1/decline", `{"person": "nobody"}`,
			`422 /problems/validation "/person: there is no such person." [/person (nobody) there is no such person]`},
		{"paging nobody in", "POST /v1/incidents/HOT-1/page", `{"why": "help"}`,
			`422 /problems/validation "exactly one of person and roster must be named." [exactly one of person and roster must be named]`},
		{"paging a roster in that is not there", "POST /v1/incidents/HOT-1/page", `{"roster": "nothing"}`,
			`422 /problems/validation "/roster: there is no such roster." [/roster (nothing) there is no such roster]`},
		{"paging in with a wait too long", "POST /v1/incidents/HOT-1/page", `{"roster": "dba", "wait": "48h"}`,
			`422 /problems/validation "/wait must be 1s to 24h." [/wait (48h) must be 1s to 24h]`},
		{"a severity that is none", "POST /v1/incidents/HOT-1/severity", `{"severity": 4}`,
			`422 /problems/validation "/severity must be 1 to 3." [/severity (4) must be 1 to 3]`},
		{"a note without text", "POST /v1/incidents/HOT-1/notes", `{"text": ""}`,
			`422 /problems/validation "/text must not be empty." [/text must not be empty]`},

		// Alerts are not refused for their form.
		{"an alert with unknown fields", "POST /v1/alerts", `{"summary": "disk full", "colour": "red"}`,
			`202 {"key":"HOT-1","outcome":"opened","dedup_key":""}`},
	} {
		t.Run(c.what, func(t *testing.T) {
			method, path, _ := strings.Cut(c.request, " ")
			if got := d.as("admin", method, path, c.body).said(); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.request, got, c.want)
			}
		})
	}

	var n int
	err := d.db.QueryRow(t.Context(), `select (select count(*) from person) + (select count(*) from roster) + (select count(*) from policy) + (select count(*) from service)`).Scan(&n)
	if err != nil || n != 4+3+2+1 {
		t.Errorf("something of it was stored: %d, %v", n, err)
	}
}

func TestSomebodyWhoIsOnCallCannotBeDeleted(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	override := func(from, to string) answered {
		return d.must(201, "POST", "/v1/rosters/dba/overrides?force=true", fmt.Sprintf(`{"person": "dan", "from": %q, "to": %q}`, from, to))
	}

	from, to := at(-hours(1)), at(hours(1))
	running := override(from, to)
	from = running.value(t)["from"].(string) // it begins no earlier than now
	from = from[:len("2006-01-02T15:04:05")] + "Z"
	want := fmt.Sprintf(`409 /problems/in-use "dan is on call in roster dba until %[2]s, and 1 more. Put somebody else in first." `+
		`[dan is on call in roster dba until %[2]s] [dan is put on call by override 1 of roster dba, %[1]s to %[2]s]`, from, to)
	if got := d.as("admin", "DELETE", "/v1/people/dan", "").said(); got != want {
		t.Errorf("on call: got %s\nwant %s", got, want)
	}

	d.must(200, "DELETE", running.header.Get("Location"), "")
	from, to = at(hours(100)), at(hours(101))
	ahead := override(from, to)
	want = fmt.Sprintf(`409 /problems/in-use "dan is put on call by override 2 of roster dba, %[1]s to %[2]s. Put somebody else in first." `+
		`[dan is put on call by override 2 of roster dba, %[1]s to %[2]s]`, from, to)
	if got := d.as("admin", "DELETE", "/v1/people/dan", "").said(); got != want {
		t.Errorf("on call in some days: got %s\nwant %s", got, want)
	}

	d.must(200, "DELETE", ahead.header.Get("Location"), "")
	d.must(204, "DELETE", "/v1/people/dan", "")
}
