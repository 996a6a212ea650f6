package intake

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// hotSettings are those of the site that the payloads in testdata are from.
const hotSettings = `{"severity_field":"customfield_10041","service_field":"customfield_10042","services":{"Bitbucket Cloud":"bitbucket"},
	"people":{"712020:f1ad7cfd-7f82-4dc0-85e4-8bc47bcc08e4":"ann"}}`

// fromFile is a payload in testdata.
func fromFile(t testing.TB, name string) string {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// jira reads a body for a key with settings, which is the 7th.
func jira(t *testing.T, body, settings string, bound engine.ServiceID) []engine.Alert {
	t.Helper()
	alerts := parseJira(jiraRequest{body: []byte(body), whole: true, identifier: "w-1",
		from: Sender{Key: 7, Service: bound, Settings: json.RawMessage(settings)}})
	for _, a := range alerts {
		wantWhole(t, a)
	}
	return alerts
}

// storyOf is what a story of alerts tells: action, service, key, severity, who, and what was said.
func storyOf(alerts []engine.Alert) string {
	var lines []string
	for _, a := range alerts {
		line := fmt.Sprintf("%s %s/%s %d", a.Action, a.Service, a.DedupKey, a.Severity)
		if a.By != "" {
			line += " by " + string(a.By)
		}
		if a.Note != "" {
			line += fmt.Sprintf(" %q", a.Note)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func wantStory(t *testing.T, alerts []engine.Alert, want ...string) {
	t.Helper()
	if got, want := storyOf(alerts), strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJiraStory(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"jira-created.json", `trigger bitbucket/HOT-1234 2 by Sup Port`},
		{"jira-assigned.json", `acknowledge bitbucket/HOT-1234 2 by ann "Assigned to Ann Example"`},
		{"jira-resolved.json", `resolve bitbucket/HOT-1234 2 by ann "Resolved"`},
	} {
		t.Run(tt.file, func(t *testing.T) { wantStory(t, jira(t, fromFile(t, tt.file), hotSettings, ""), tt.want) })
	}
	// A comment comes without the custom fields.
	wantStory(t, jira(t, fromFile(t, "jira-commented.json"), hotSettings, "bitbucket"),
		`comment bitbucket/HOT-1234 2 by ann "Rolled the proxy back, watching."`)
}

func TestJiraCreated(t *testing.T) {
	got := jira(t, fromFile(t, "jira-created.json"), hotSettings, "")
	want := engine.Alert{
		Action: engine.Trigger, Service: "bitbucket", Severity: engine.Major, Word: "Severity 2", Summary: "Pushes fail for EU customers",
		DedupKey: "HOT-1234", Key: "HOT-1234", Details: "h2. Seen by customers\nPushes over SSH fail since 10:20.",
		Links: []engine.Link{{Href: "https://acme.atlassian.net/browse/HOT-1234", Text: "Jira HOT-1234"}},
		Labels: map[string]string{"project": "HOT", "issuetype": "Incident", "status": "New", "priority": "Highest", "reporter": "Sup Port",
			"tag:eu": "", "tag:push": "", "customfield_10019": "0|i0003r:", "customfield_10041": "Severity 2", "customfield_10042": "Bitbucket Cloud"},
		By: "Sup Port", Once: "jira:7:w-1:trigger", At: time.Date(2026, 8, 22, 8, 24, 38, 326e6, time.UTC),
	}
	if len(got) != 1 || !reflect.DeepEqual(what(got[0]), want) {
		t.Errorf("got  %+v\nwant %+v", what(got[0]), want)
	}
	if string(got[0].Raw) != fromFile(t, "jira-created.json") || got[0].Source != "jira" {
		t.Error("the original is not kept")
	}
}

// jiraEvent is a payload: an event of HOT-1 with fields beside a summary and a status, and members beside the issue.
func jiraEvent(event, fields, beside string) string {
	if fields != "" {
		fields = "," + fields
	}
	if beside != "" {
		beside = "," + beside
	}
	return `{"webhookEvent":"` + event + `","user":{"displayName":"Eve"},"issue":{"key":"HOT-1","self":"https://x.example/jira/rest/api/2/issue/1",
		"fields":{"summary":"Down","status":{"name":"New","statusCategory":{"key":"new"}}` + fields + `}}` + beside + `}`
}

// changelog is the changelog of items: each a field, what it was and what it became, parted by |.
func changelog(items ...string) string {
	var list []string
	for _, item := range items {
		parts := strings.Split(item, "|")
		text := func(s string) any {
			if s == "" {
				return nil
			}
			return s
		}
		b, err := json.Marshal(map[string]any{"field": parts[0], "fieldId": parts[0], "fieldtype": "jira", "fromString": text(parts[1]), "toString": text(parts[2]),
			"from": text(parts[1]), "to": text(parts[2])})
		if err != nil {
			panic(err)
		}
		list = append(list, string(b))
	}
	return `"changelog":{"id":"1","items":[` + strings.Join(list, ",") + `]}`
}

func TestJiraSeverity(t *testing.T) {
	for want, words := range map[engine.Severity]string{
		1: `"Severity 1"|"Sev 1"|"S1"|"P1"|"Highest"|"sev-1 (site down)"|"1 - Critical"|1|{"value":"Severity 1"}|{"name":"P0"}|[{"value":"Sev 1"}]|"Severity 0"|"Priority: 1"|"Critical impact"`,
		2: `"Severity 2"|"Sev 2"|"S2"|"P2"|"High"|{"value":"2 – Major","child":{"value":"x"}}|[null,{"value":"S2"}]|2.0|"Level 2"`,
		3: `"Severity 3"|"Sev 4"|"S3"|"P5"|"Low"|"Medium"|"3"|{"value":"unsorted","child":{"value":"Sev 3"}}|"(lowest)"`,
	} {
		for word := range strings.SplitSeq(words, "|") {
			a := jira(t, jiraEvent("jira:issue_created", `"customfield_1":`+word, ""), `{"severity_field":"customfield_1"}`, "")[0]
			if a.Severity != want || a.Word == "" || strings.Contains(a.Details, "counts as") {
				t.Errorf("%s: %d %q %q, want %d", word, a.Severity, a.Word, a.Details, want)
			}
		}
	}
	for word, says := range map[string]string{
		`null`: "The issue has no severity yet: it counts as 2, major.", `[]`: "no severity yet", `" "`: "no severity yet", `{}`: "no severity yet",
		`"Purple"`: `"Purple" is no severity that Rouse knows: it counts as 2, major.`, `"S9"`: `"S9" is no severity`, `"100 users"`: `"100 users" is no severity`,
		`{"value":"2000"}`: `"2000" is no severity`,
	} {
		a := jira(t, jiraEvent("jira:issue_created", `"customfield_1":`+word, ""), `{"severity_field":"customfield_1"}`, "")[0]
		if a.Severity != engine.Major || !strings.Contains(a.Details, says) {
			t.Errorf("%s: %d %q", word, a.Severity, a.Details)
		}
	}
	for _, tt := range []struct {
		settings, fields string
		want             engine.Severity
		word             string
	}{
		{``, `"priority":{"name":"Lowest"}`, 3, "Lowest"},
		{`{"severities":{"Lowest":1}}`, `"priority":{"name":"lowest"}`, 1, "lowest"},
		{`{"severity_field":"labels"}`, `"labels":["page-speed","s3","high-load","sev-1"]`, 1, "sev-1"},
		{`{"severity_field":"labels"}`, `"labels":["page-speed","s3"]`, 2, ""},
		{`{"severity_field":"labels","severities":{"all-down":1}}`, `"labels":["eu","all-down"]`, 1, "all-down"},
	} {
		a := jira(t, jiraEvent("jira:issue_created", tt.fields, ""), tt.settings, "")[0]
		if a.Severity != tt.want || a.Word != tt.word {
			t.Errorf("%s %s: %d %q", tt.settings, tt.fields, a.Severity, a.Word)
		}
	}
}

func TestJiraService(t *testing.T) {
	for _, tt := range []struct {
		name, settings, fields string
		bound, want            engine.ServiceID
	}{
		{"the slug of a component", ``, `"components":[{"name":"Bitbucket Cloud"}]`, "", "bitbucket-cloud"},
		{"the component that is in the settings", `{"services":{"jira-core":"jira"}}`, `"components":[{"name":"UI"},{"name":"Jira Core"}]`, "", "jira"},
		{"a custom field", `{"service_field":"customfield_2"}`, `"customfield_2":{"value":"Trello"},"components":[{"name":"UI"}]`, "", "trello"},
		{"a list of custom options", `{"service_field":"customfield_2"}`, `"customfield_2":[{"value":"Trello"},{"value":"Jira"}]`, "", "trello"},
		{"the project", `{"service_field":"project"}`, `"project":{"key":"OPS","name":"Operations"}`, "", "operations"},
		{"none", ``, `"components":[]`, "", ""},
		{"a key that is bound", ``, `"components":[{"name":"UI"}]`, "bitbucket", "bitbucket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a := jira(t, jiraEvent("jira:issue_created", tt.fields, ""), tt.settings, tt.bound)[0]; a.Service != tt.want {
				t.Errorf("got %q", a.Service)
			}
		})
	}
}

const (
	isDone = `"status":{"name":"Resolved","statusCategory":{"key":"done"}}`
	sev1   = `"priority":{"name":"Highest"}`
	sev2   = `"priority":{"name":"High"}`
	sev3   = `"priority":{"name":"Low"}`
	byUI   = `"components":[{"name":"UI"}]`
	byAnn  = `"assignee":{"accountId":"5b1","displayName":"Ann","emailAddress":"Ann@x.example"}`
	upDown = `"status":{"name":"Down"}` // a status of which Jira does not say more
)

func TestJiraEvents(t *testing.T) {
	for _, tt := range []struct {
		name, body, settings string
		want                 []string
	}{
		{"created", jiraEvent("jira:issue_created", sev2, ""), ``, []string{`trigger /HOT-1 2 by Eve`}},
		{"created and taken", strings.Replace(jiraEvent("jira:issue_created", sev1+","+byAnn, ""), `{"displayName":"Eve"}`, `{"accountId":"5b1","displayName":"Ann"}`, 1), ``,
			[]string{`trigger /HOT-1 1 by Ann`, `acknowledge /HOT-1 1 by ann@x.example "Assigned to Ann"`}},
		{"created and assigned", jiraEvent("jira:issue_created", sev1+","+byAnn, ""), `{"acknowledge_when_created":true}`,
			[]string{`trigger /HOT-1 1 by Eve`, `acknowledge /HOT-1 1 by ann@x.example "Assigned to Ann"`}},
		{"assigned by Jira itself", jiraEvent("jira:issue_created", sev1+","+byAnn, ""), ``, []string{`trigger /HOT-1 1 by Eve`}},
		{"created as done", jiraEvent("jira:issue_created", sev1+","+isDone, ""), ``,
			[]string{`record /HOT-1 1 by Eve "The issue was created in a status in which it is over."`}},
		{"deleted", jiraEvent("jira:issue_deleted", sev2, ""), ``, []string{`resolve /HOT-1 2 by Eve "The issue was deleted."`}},

		{"raised", jiraEvent("jira:issue_updated", sev1, changelog("priority|Low|Highest")), ``, []string{`trigger /HOT-1 1 by Eve`}},
		{"raised from none", jiraEvent("jira:issue_updated", sev1, changelog("priority||Highest")), ``, []string{`trigger /HOT-1 1 by Eve`}},
		{"lowered", jiraEvent("jira:issue_updated", sev3, changelog("priority|Highest|Low")), ``, []string{`amend /HOT-1 3 by Eve`}},
		{"another word for it", jiraEvent("jira:issue_updated", sev2, changelog("priority|Major|High")), ``, []string{`amend /HOT-1 2 by Eve`}},
		{"raised when done", jiraEvent("jira:issue_updated", sev1+","+isDone, changelog("priority|Low|Highest")), ``, []string{`amend /HOT-1 1 by Eve`}},
		{"raised by a custom field", jiraEvent("jira:issue_updated", `"customfield_1":{"value":"Sev 1"}`, changelog("customfield_1|Sev 3|Sev 1")), `{"severity_field":"customfield_1"}`,
			[]string{`trigger /HOT-1 1 by Eve`}},
		{"raised on Data Center", jiraEvent("jira:issue_updated", `"customfield_1":{"value":"Sev 1"}`,
			`"changelog":{"items":[{"field":"How bad","fieldtype":"custom","fromString":"Sev 3","toString":"Sev 1"}]}`), `{"severity_field":"customfield_1"}`,
			[]string{`trigger /HOT-1 1 by Eve`}},
		{"raised by a label", jiraEvent("jira:issue_updated", `"labels":["eu","sev1"]`, changelog("labels|eu sev3|eu sev1")), `{"severity_field":"labels"}`,
			[]string{`trigger /HOT-1 1 by Eve`, `amend /HOT-1 1 by Eve`}},
		{"the priority, and the severity is elsewhere", jiraEvent("jira:issue_updated", sev1, changelog("priority|Low|Highest")), `{"severity_field":"customfield_1"}`,
			[]string{`amend /HOT-1 2 by Eve`}},

		{"other words", jiraEvent("jira:issue_updated", sev2, changelog("summary|Up|Down", "description||x")), ``, []string{`amend /HOT-1 2 by Eve`}},
		{"raised, with other words", jiraEvent("jira:issue_updated", sev1, changelog("priority|Low|Highest", "summary|Up|Down")), ``,
			[]string{`trigger /HOT-1 1 by Eve`, `amend /HOT-1 1 by Eve`}},
		{"its place on a board", jiraEvent("jira:issue_updated", sev2, changelog("Rank||Ranked higher")), ``, []string{`record /HOT-1 2 by Eve`}},
		{"nothing that is told", jiraEvent("jira:issue_updated", sev2, ""), ``, []string{`record /HOT-1 2 by Eve`}},

		{"assigned", jiraEvent("jira:issue_updated", sev2+","+byAnn, changelog("assignee||5b1")), ``, []string{`acknowledge /HOT-1 2 by ann@x.example "Assigned to Ann"`}},
		{"assigned to somebody else since", jiraEvent("jira:issue_updated", sev2+","+byAnn, `"changelog":{"items":[{"field":"assignee","to":"77","toString":"Bob Brown"}]}`), ``,
			[]string{`acknowledge /HOT-1 2 by Bob Brown "Assigned to Bob Brown"`}},
		{"assigned to whom the settings know by name", jiraEvent("jira:issue_updated", sev2, `"changelog":{"items":[{"field":"assignee","to":"77","toString":"Bob Brown"}]}`),
			`{"people":{"bob  brown":"bob"}}`, []string{`acknowledge /HOT-1 2 by bob "Assigned to Bob Brown"`}},
		{"assigned to whom the settings know by mail", jiraEvent("jira:issue_updated", sev2+","+byAnn, changelog("assignee||5b1")),
			`{"people":{"ann@X.example":"annie"}}`, []string{`acknowledge /HOT-1 2 by annie "Assigned to Ann"`}},
		{"assigned, and little is told of whom", jiraEvent("jira:issue_updated", sev2, `"changelog":{"items":[{"field":"assignee","to":"77"}]}`), ``,
			[]string{`acknowledge /HOT-1 2 by 77 "Assigned to 77"`}},
		{"no longer assigned", jiraEvent("jira:issue_updated", sev2+`,"assignee":null`, changelog("assignee|Ann|")), ``, []string{`unacknowledge /HOT-1 2 by Eve "No longer assigned to Ann"`}},

		{"worked on", jiraEvent("jira:issue_updated", sev2+`,"status":{"name":"Fixing","statusCategory":{"key":"indeterminate"}}`, changelog("status|New|Fixing")), ``,
			[]string{`comment /HOT-1 2 by Eve "Status: New → Fixing"`}},
		{"done", jiraEvent("jira:issue_updated", sev2+","+isDone, changelog("status|Fixing|Resolved", "resolution||Done")), ``, []string{`resolve /HOT-1 2 by Eve "Resolved"`}},
		{"assigned and done", jiraEvent("jira:issue_updated", sev2+","+isDone+","+byAnn, changelog("status|Fixing|Resolved", "assignee||5b1")), ``,
			[]string{`acknowledge /HOT-1 2 by ann@x.example "Assigned to Ann"`, `resolve /HOT-1 2 by Eve "Resolved"`}},
		{"closed after it was done", jiraEvent("jira:issue_updated", sev2+`,"status":{"name":"Closed","statusCategory":{"key":"done"}}`, changelog("status|Done|Closed")), ``,
			[]string{`resolve /HOT-1 2 by Eve "Closed"`}},
		{"done by a word of the settings", jiraEvent("jira:issue_updated", sev2+`,"status":{"name":"Mitigated","statusCategory":{"key":"indeterminate"}}`, changelog("status|Fixing|Mitigated")),
			`{"done":["mitigated"]}`, []string{`resolve /HOT-1 2 by Eve "Mitigated"`}},
		{"done for Jira, and not for the settings", jiraEvent("jira:issue_updated", sev2+","+isDone, changelog("status|Fixing|Resolved")), `{"done":["Closed"]}`,
			[]string{`comment /HOT-1 2 by Eve "Status: Fixing → Resolved"`}},
		{"done on an old Jira", jiraEvent("jira:issue_updated", `"status":{"name":"Closed"}`, changelog("status|Fixing|Closed")), ``, []string{`resolve /HOT-1 2 by Eve "Closed"`}},
		{"down is not done", jiraEvent("jira:issue_updated", upDown, changelog("status|New|Down")), ``, []string{`comment /HOT-1 2 by Eve "Status: New → Down"`}},

		{"open again", jiraEvent("jira:issue_updated", sev2, changelog("status|Resolved|New")), ``, []string{`trigger /HOT-1 2 by Eve`, `comment /HOT-1 2 by Eve "Status: Resolved → New"`}},
		{"open again from a status of their own", jiraEvent("jira:issue_updated", sev2, changelog("status|Verified|New", "resolution|Fixed|")), ``,
			[]string{`trigger /HOT-1 2 by Eve`, `comment /HOT-1 2 by Eve "Status: Verified → New"`}},
		{"not resolved any more, which the settings do not ask for", jiraEvent("jira:issue_updated", sev2, changelog("status|Verified|New", "resolution|Fixed|")), `{"done":["Closed"]}`,
			[]string{`comment /HOT-1 2 by Eve "Status: Verified → New"`}},
		{"open again by the settings", jiraEvent("jira:issue_updated", sev2, changelog("status|Mitigated|New")), `{"done":["Mitigated"]}`,
			[]string{`trigger /HOT-1 2 by Eve`, `comment /HOT-1 2 by Eve "Status: Mitigated → New"`}},

		{"another service's", jiraEvent("jira:issue_updated", sev2+","+byUI, changelog("Component|API|", "Component||UI")), ``,
			[]string{`resolve api/HOT-1 2 by Eve "The issue concerns ui now."`, `trigger ui/HOT-1 2 by Eve`, `amend ui/HOT-1 2 by Eve`}},
		{"a service at last", jiraEvent("jira:issue_updated", sev2+`,"customfield_2":{"value":"Trello"}`, changelog("customfield_2||Trello")), `{"service_field":"customfield_2"}`,
			[]string{`resolve /HOT-1 2 by Eve "The issue concerns trello now."`, `trigger trello/HOT-1 2 by Eve`}},
		{"no service any more", jiraEvent("jira:issue_updated", sev2+`,"customfield_2":null`, changelog("customfield_2|Trello|")), `{"service_field":"customfield_2"}`,
			[]string{`resolve trello/HOT-1 2 by Eve "The issue concerns no service that is named now."`, `trigger /HOT-1 2 by Eve`}},
		{"one more component", jiraEvent("jira:issue_updated", sev2+`,"components":[{"name":"UI"},{"name":"API"}]`, changelog("components||API")), ``, []string{`amend ui/HOT-1 2 by Eve`}},
		{"another label for the service", jiraEvent("jira:issue_updated", sev2+`,"labels":["api"]`, changelog("labels|ui|api")), `{"service_field":"labels"}`,
			[]string{`resolve ui/HOT-1 2 by Eve "The issue concerns api now."`, `trigger api/HOT-1 2 by Eve`, `amend api/HOT-1 2 by Eve`}},
		{"another service's when done", jiraEvent("jira:issue_updated", sev2+","+byUI+","+isDone, changelog("Component|API|", "Component||UI")), ``,
			[]string{`resolve api/HOT-1 2 by Eve "The issue concerns ui now."`, `amend ui/HOT-1 2 by Eve`}},
		{"another key", jiraEvent("jira:issue_updated", sev2, changelog("Key|OPS-9|HOT-1", "project|Operations|Hot")), ``,
			[]string{`resolve /OPS-9 2 by Eve "The issue is HOT-1 now."`, `trigger /HOT-1 2 by Eve`}},

		{"a comment within an update", jiraEvent("jira:issue_updated", sev2, `"issue_event_type_name":"issue_commented","comment":{"id":"3","author":{"displayName":"Bob"},"body":"On it"}`), ``,
			[]string{`comment /HOT-1 2 by Bob "On it"`}},
		{"a comment that was changed", jiraEvent("comment_updated", sev2, `"comment":{"id":"3","author":{"displayName":"Bob"},"updateAuthor":{"displayName":"Carl"},"body":"On it!"}`), ``,
			[]string{`comment /HOT-1 2 by Carl "Comment changed: On it!"`}},
		{"a comment without a text", jiraEvent("comment_created", sev2, `"comment":{"id":"3","body":" "}`), ``, []string{`record /HOT-1 2 by Eve`}},
		{"a comment that was deleted", jiraEvent("comment_deleted", sev2, `"comment":{"id":"3","body":"x"}`), ``, []string{`record /HOT-1 2 by Eve`}},

		{"issue data of an automation rule", `{"key":"HOT-1","self":"https://x.example/rest/api/2/issue/1","fields":{"summary":"Down",` + sev1 + `}}`, ``, []string{`trigger /HOT-1 1`}},
		{"issue data of a rule, wrapped", `{"issue":{"key":"HOT-1","fields":{"summary":"Down",` + sev1 + `,` + byAnn + `}}}`, `{"acknowledge_when_created":true}`,
			[]string{`trigger /HOT-1 1`, `acknowledge /HOT-1 1 by ann@x.example "Assigned to Ann"`}},
		{"issue data when it is done", `{"key":"HOT-1","fields":{"summary":"Down",` + isDone + `}}`, ``, []string{`resolve /HOT-1 2 "Resolved"`}},

		{"an event of another kind", `{"webhookEvent":"project_created","project":{"key":"X"}}`, ``, []string{`record / 2`}},
		{"an event of another kind, of an issue", jiraEvent("jira:worklog_updated", sev2, ""), ``, []string{`record /HOT-1 2 by Eve`}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantStory(t, jira(t, tt.body, tt.settings, ""), tt.want...) })
	}
}

// A key that is bound to a service is for that service alone, whatever the issue says.
func TestJiraBoundKeyIsForItsService(t *testing.T) {
	wantStory(t, jira(t, jiraEvent("jira:issue_updated", sev1+","+byUI, changelog("Component|API|", "Component||UI", "priority|Low|Highest")), ``, "bitbucket"),
		`trigger bitbucket/HOT-1 1 by Eve`, `amend bitbucket/HOT-1 1 by Eve`)
}

// What Jira delivers again counts once, each part of it; a comment counts once however it is told.
func TestJiraOnce(t *testing.T) {
	alerts := jira(t, jiraEvent("jira:issue_updated", sev1+","+byUI+","+byAnn, changelog("Component|API|", "Component||UI", "status|Open|New", "assignee||5b1")+
		`,"comment":{"id":"3","author":{"displayName":"Bob"},"body":"On it"}`), ``, "")
	seen := map[string]bool{}
	for _, a := range alerts {
		if a.Once == "" || seen[a.Once] || !strings.HasPrefix(a.Once, "jira:7:") {
			t.Errorf("%s has %q", a.Action, a.Once)
		}
		seen[a.Once] = true
	}
	if len(alerts) != 6 || !seen["jira:7:comment:3"] {
		t.Errorf("got %v", seen)
	}
	alone := jira(t, jiraEvent("comment_created", "", `"comment":{"id":"3","body":"On it"}`), ``, "")
	if alone[0].Once != "jira:7:comment:3" {
		t.Errorf("the same comment has %q", alone[0].Once)
	}
	edited := jira(t, jiraEvent("comment_updated", "", `"comment":{"id":"3","body":"On it!"}`), ``, "")
	if edited[0].Once != "jira:7:w-1:said" {
		t.Errorf("a comment that was changed has %q", edited[0].Once)
	}
	ends := jira(t, jiraEvent("jira:issue_updated", isDone, changelog("Key|OPS-9|HOT-1", "status|Fixing|Resolved")), ``, "")
	if len(ends) != 2 || ends[0].Once == ends[1].Once || ends[0].Action != ends[1].Action {
		t.Errorf("both keys end as %q", storyOf(ends))
	}
	again := parseJira(jiraRequest{body: []byte(jiraEvent("jira:issue_created", sev1, "")), whole: true, from: Sender{Key: 7}})
	if again[0].Once != "" {
		t.Errorf("without an identifier: %q", again[0].Once)
	}
}

func TestJiraIssueFields(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		check      func(a engine.Alert) bool
	}{
		{"no summary", `{"key":"HOT-1","fields":{}}`, func(a engine.Alert) bool { return a.Summary == "Jira issue HOT-1 without summary" }},
		{"a key that Rouse cannot use", `{"key":"hot 1","fields":{"summary":"x"}}`, func(a engine.Alert) bool { return a.Key == "" && a.DedupKey == "hot 1" }},
		{"Data Center below a path", jiraEvent("jira:issue_created", "", ""), func(a engine.Alert) bool { return a.Links[0].Href == "https://x.example/jira/browse/HOT-1" }},
		{"no address", `{"key":"HOT-1","self":"javascript:x","fields":{"summary":"x"}}`, func(a engine.Alert) bool { return len(a.Links) == 0 }},
		{"no address of an API", `{"key":"HOT-1","self":"https://x.example/","fields":{"summary":"x"}}`, func(a engine.Alert) bool { return a.Links[0].Href == "https://x.example/browse/HOT-1" }},
		{"no description", jiraEvent("jira:issue_created", sev1+`,"description":null`, ""), func(a engine.Alert) bool { return a.Details == "" }},
		{"time of the issue", jiraEvent("jira:issue_created", `"created":"2026-08-22T10:24:38.110+0200"`, ""),
			func(a engine.Alert) bool { return a.At.Equal(time.Date(2026, 8, 22, 8, 24, 38, 110e6, time.UTC)) }},
		{"an absurd time", jiraEvent("jira:issue_created", "", `"timestamp":9e300`), func(a engine.Alert) bool { return a.At.IsZero() }},
		{"a time of the year 300000", jiraEvent("jira:issue_created", "", `"timestamp":9466848000000000`), func(a engine.Alert) bool { return a.At.IsZero() }},
		{"wrong types", `{"webhookEvent":"jira:issue_created","timestamp":"soon","user":[1],"changelog":{"items":{}},
			"issue":{"key":"HOT-1","self":7,"fields":{"summary":["x"],"status":"New","assignee":"ann","components":{"name":"UI"},"labels":"eu","priority":"P1","project":"HOT"}}}`,
			func(a engine.Alert) bool {
				return a.Severity == engine.Critical && a.Service == "ui" && a.Labels["project"] == "HOT" && a.Labels["status"] == "New"
			}},
		{"a comment, which does not tell the severity", jiraEvent("comment_created", "", `"comment":{"body":"x"}`), func(a engine.Alert) bool { return a.Action == engine.Comment && a.Details == "" }},
		{"what looks like a custom field", jiraEvent("jira:issue_created", `"customfield_1\u0000":"x","customfield_one":"x","customfield_2":"y"`, ""),
			func(a engine.Alert) bool { return len(a.Labels) == 2 && a.Labels["customfield_2"] == "y" }},
		{"many values", jiraEvent("jira:issue_created", `"components":[`+strings.Repeat(`"a",`, 1000)+`"b"]`, ""), func(a engine.Alert) bool { return len(a.Labels["component"]) == 3*maxValues-2 }},
		{"many labels", jiraEvent("jira:issue_created", `"labels":["`+strings.Repeat(`a","b`, 300)+`"]`, ""), func(a engine.Alert) bool { return len(a.Labels) <= maxLabels }},
		{"a document", jiraEvent("jira:issue_created", sev1+`,"description":`+fromFile(t, "jira-document.json"), ""), func(a engine.Alert) bool {
			return a.Details == "Seen by @Ann\n- pushes (https://s.example/)\n- pulls\nregion | state | \neu | down | \nsee https://x.example/browse/HOT-2 [attachment graph.png]\n---\nline 1\nline 2"
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := jira(t, tt.body, "", ""); !tt.check(got[0]) {
				t.Errorf("got %+v", what(got[0]))
			}
		})
	}
}

// What cannot be read pages somebody; Jira gives up after most refusals.
func TestOddFromJira(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "not JSON": "<html>", "a list": "[1]", "null": "null", "no issue": "{}", "an issue without a key": `{"webhookEvent":"jira:issue_created","issue":{"fields":{}}}`,
		"an issue that is a text": `{"webhookEvent":"jira:issue_updated","issue":"HOT-1"}`, "too deep": strings.Repeat("[", 10_000), "not UTF-8": "\xff\x00",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(nil)
			for range 2 { // the second is Jira's retry
				w := d.jira("/v1/jira", "bitbucket", "", body, nil)
				if got := decodeInto[answers](t, w); w.Code != 202 || len(got.Alerts) != 1 || got.Alerts[0].Key != "HOT-1" {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			a := d.got[0]
			wantWhole(t, a)
			if a.Summary != "Jira sent something Rouse could not read" || a.Severity != engine.Major || a.Action != engine.Trigger || a.Service != "bitbucket" || string(a.Raw) != body {
				t.Errorf("got %+v", a)
			}
			if !strings.Contains(d.log.String(), "source=jira") {
				t.Error("nobody is told in the log")
			}
		})
	}
}

// What is longer than is read still pages, and says so.
func TestLargeFromJira(t *testing.T) {
	d := newDesk(nil)
	body := strings.TrimSuffix(jiraEvent("jira:issue_created", sev1, `"attachments":"`), "}") + strings.Repeat("x", maxBody) + `"}`
	w := d.jira("/v1/jira", "bitbucket", "", body, nil)
	if w.Code != 202 || len(d.got) != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	wantWhole(t, d.got[0])
	if a := d.got[0]; a.Key != "HOT-1" || a.Severity != engine.Critical || !strings.Contains(a.Details, "Not all of the request was read") {
		t.Errorf("got %+v", what(a))
	}
}

// jira posts to the dialect with a key, and with its secret and headers.
func (d *desk) jira(target string, service engine.ServiceID, secret, body string, header http.Header) *httptest.ResponseRecorder {
	d.h.keys = hubSigning{fakeKeys{}, []byte(secret)}
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if header != nil {
		r.Header = header
	}
	r.Header.Set("Authorization", "Bearer key-of-"+string(service))
	w := httptest.NewRecorder()
	d.h.Jira(w, r)
	return w
}

// hubSigning are keys that all have one secret.
type hubSigning struct {
	Keys
	secret []byte
}

func (k hubSigning) Sender(ctx context.Context, key string) (Sender, error) {
	s, err := k.Keys.Sender(ctx, key)
	if len(k.secret) > 0 {
		s.Secret = k.secret
	}
	return s, err
}

func hubSignature(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// The example of Atlassian's documentation of X-Hub-Signature.
func TestJiraSignatureOfTheDocumentation(t *testing.T) {
	if got := hubSignature("It's a Secret to Everybody", "Hello World!"); got != "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9" {
		t.Errorf("got %s", got)
	}
}

func TestJiraSigned(t *testing.T) {
	const secret = "s3cret-of-hot"
	body := jiraEvent("jira:issue_created", sev1, "")
	large := strings.TrimSuffix(body, "}") + `,"x":"` + strings.Repeat("x", 2*maxBody) + `"}`
	for _, tt := range []struct{ name, body, signature, says string }{
		{"right", body, hubSignature(secret, body), ""},
		{"right, in capitals", body, "SHA256=" + strings.ToUpper(hubSignature(secret, body)[7:]), ""},
		{"right, of more than is read", large, hubSignature(secret, large), ""},
		{"of the part that is read", large, hubSignature(secret, large[:maxBody]), "does not fit"},
		{"none", body, "", "not signed"},
		{"with another secret", body, hubSignature("x", body), "does not fit"},
		{"with no secret", body, hubSignature("", body), "does not fit"},
		{"of another body", body, hubSignature(secret, body+" "), "does not fit"},
		{"a part of it", body, hubSignature(secret, body)[:41], "does not fit"},
		{"nothing of it", body, "sha256=", "does not fit"},
		{"another method", body, strings.Replace(hubSignature(secret, body), "sha256", "sha1", 1), "must be sha256="},
		{"no method", body, hubSignature(secret, body)[7:], "must be sha256="},
		{"not hex", body, "sha256=zz", "must be sha256="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			w := d.jira("/v1/jira", "bitbucket", secret, tt.body, http.Header{"X-Hub-Signature": {tt.signature}})
			if tt.says == "" {
				if w.Code != 202 || len(d.got) != 1 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				return
			}
			wantRefusal(t, w, 401, "unauthorized", tt.says)
			if len(d.got) != 0 {
				t.Error("it was taken in")
			}
			if strings.Contains(d.log.String()+w.Body.String(), secret) {
				t.Error("the secret is told")
			}
		})
	}
	// A key without a secret takes what comes.
	if w := newDesk(nil).jira("/v1/jira", "bitbucket", "", body, http.Header{"X-Hub-Signature": {"sha256=00"}}); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestJiraAnswers(t *testing.T) {
	body := strings.Replace(jiraEvent("jira:issue_created", sev1+","+byAnn, ""), `{"displayName":"Eve"}`, `{"accountId":"5b1"}`, 1)
	d := newDesk(nil)
	w := d.jira("/v1/jira", "bitbucket", "", body, http.Header{"X-Atlassian-Webhook-Identifier": {"w-9"}, "X-Atlassian-Webhook-Retry": {"2"}, "X-Atlassian-Webhook-Flow": {"Secondary"}})
	if got := decodeInto[answers](t, w); w.Code != 202 || len(got.Alerts) != 2 || got.Alerts[0] != (received{"HOT-1", pager.Opened, "HOT-1", "", ""}) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if a := d.got[0]; a.Once != "jira:1:w-9:trigger" || a.Labels["webhook_retry"] != "2" || a.Labels["webhook_flow"] != "Secondary" {
		t.Errorf("got %q %v", a.Once, a.Labels)
	}

	d = newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantRefusal(t, d.jira("/v1/jira", "bitbucket", "", body, nil), 503, "not-stored", "Send it again")

	r := httptest.NewRequest(http.MethodPost, "/v1/jira/nonsense", strings.NewReader(body))
	r.SetPathValue("key", "nonsense")
	recorder := httptest.NewRecorder()
	newDesk(nil).h.Jira(recorder, r)
	wantRefusal(t, recorder, 401, "unauthorized", "The key is not known")
	r = httptest.NewRequest(http.MethodPost, "/v1/jira/key-of-bitbucket", brokenReader{})
	r.SetPathValue("key", "key-of-bitbucket")
	recorder = httptest.NewRecorder()
	newDesk(nil).h.Jira(recorder, r)
	wantRefusal(t, recorder, 503, "not-stored", "broke off")
}

func FuzzJira(f *testing.F) {
	for _, name := range []string{"jira-created.json", "jira-assigned.json", "jira-commented.json", "jira-resolved.json"} {
		f.Add([]byte(fromFile(f, name)), true, uint8(0))
	}
	f.Add([]byte(jiraEvent("jira:issue_updated", sev2+","+byUI+`,"description":`+fromFile(f, "jira-document.json"), changelog("Component|API|", "Component||UI", "Key|A-1|HOT-1", "labels|a|b"))), true, uint8(1))
	f.Add([]byte(`{"issue":{"key":"A-1\u0000","fields":{"customfield_1\u0000":"x","labels":[{}]}}}`), false, uint8(2))
	settings := []string{"", hotSettings, `{"severity_field":"labels","service_field":"labels","done":["x"]}`}
	f.Fuzz(func(t *testing.T, body []byte, whole bool, which uint8) {
		alerts := parseJira(jiraRequest{body: body, whole: whole, identifier: string(body[:min(len(body), 600)]),
			from: Sender{Settings: json.RawMessage(settings[int(which)%len(settings)])}})
		if len(alerts) == 0 || len(alerts) > 8 {
			t.Errorf("%d alerts", len(alerts))
		}
		seen := map[string]bool{}
		for _, a := range alerts {
			wantWhole(t, a)
			if a.Once != "" && seen[a.Once] {
				t.Errorf("%q is told twice", a.Once)
			}
			seen[a.Once] = true
			if len(a.Note) > maxNote || len(a.Once) > maxDedup+80 || len(a.By) > maxDedup {
				t.Errorf("too long: note %d, once %d, by %d", len(a.Note), len(a.Once), len(a.By))
			}
		}
	})
}

// What is hostile costs little, in time and in memory.
func TestHostileJira(t *testing.T) {
	fill := func(head, element, tail string) string {
		return head + strings.Repeat(element, (maxBody-len(head)-len(tail))/len(element)) + tail
	}
	for name, body := range map[string]string{
		"changes":    fill(`{"webhookEvent":"jira:issue_updated","issue":{"key":"A-1","fields":{"components":[]}},"changelog":{"items":[`, `{"field":"Component","toString":"x","fromString":"y"},`, `{}]}}`),
		"values":     fill(`{"webhookEvent":"jira:issue_created","issue":{"key":"A-1","fields":{"components":[`, `"x",`, `"y"]}}}`),
		"nested":     fill(`{"webhookEvent":"jira:issue_created","issue":{"key":"A-1","fields":{"components":[`, `{"name":[[[[1]]]]},`, `1]}}}`),
		"document":   fill(`{"webhookEvent":"jira:issue_created","issue":{"key":"A-1","fields":{"description":{"type":"doc","content":[`, `{"type":"paragraph"},`, `{}]}}}}`),
		"labels":     fill(`{"webhookEvent":"jira:issue_created","issue":{"key":"A-1","fields":{"labels":["`, `a b `, `"]}}}`),
		"brackets":   fill(`{"issue":`, `[{},{`, ``),
		"objects":    fill(`{"issue":{"key":"A-1","fields":{}},"x":[`, `{},`, `{}]}`),
		"words":      fill(`{"issue":{"key":"A-1","fields":{"priority":"`, `s p `, `"}}}`),
		"names":      fill(`{"issue":{"key":"A-1","fields":{`, `"customfield_1":"1",`, `"x":1}}}`),
		"characters": fill(`{"issue":{"key":"A-1","fields":{"description":"`, `\u0000\ud800`, `"}}}`),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		alerts := parseJira(jiraRequest{body: []byte(body), whole: true})
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		passing := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(body))
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(body))
		t.Logf("%s: %s, keeps %.1f times its length, %.1f in passing", name, took, kept, passing)
		if kept > 4 || took > 5*time.Second { // generous: other tests run on the same cores
			t.Errorf("%s: %s, keeps %.1f times its length", name, took, kept)
		}
		runtime.KeepAlive(alerts)
	}
}
