package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rouse/rosters"
)

func TestSettingsOfJira(t *testing.T) {
	for _, tt := range []struct{ name, settings, want string }{
		{"none", `null`, `/settings "null": must be a JSON object, such as {"severity_field": …}`},
		{"all", hotSettings, ""},
		{"all that there are", `{"severity_field":"labels","severities":{"Severity 1":1,"Purple":"3"},"service_field":"components","services":{"Bitbucket Cloud":"bitbucket"},
			"done":["Resolved","Won't do"],"people":{"5b10ac8d82e05b22cc7d4ef5":"ann","Bob Brown":"bob-2"},"acknowledge_when_created":false}`, ""},
		{"not an object", `["x"]`, `/settings "[\"x\"]": must be a JSON object, such as {"severity_field": …}`},
		{"not JSON", `{`, `/settings "{": must be a JSON object, such as {"severity_field": …}`},
		{"too deep", `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `/settings "{\"x\":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}": must be a JSON object, such as {"severity_field": …}`},
		{"a field that is not known", `{"page~/from":1}`, `/settings/page~0~1from "1": is not known; use one of severity_field, severities, service_field, services, done, people, acknowledge_when_created`},
		{"a field of Jira that is none", `{"severity_field":"Severity"}`, `/settings/severity_field "Severity": must be "priority", "labels" or the id of a custom field, such as "customfield_10041"`},
		{"a field that is no text", `{"service_field":7}`, `/settings/service_field "7": must be "components", "labels", "project" or the id of a custom field, such as "customfield_10042"`},
		{"a severity that is none", `{"severities":{"Severity 0":0,"Severity 1":"1","Severity 4":4}}`,
			"/settings/severities/Severity 0 \"0\": must be 1, 2 or 3\n/settings/severities/Severity 4 \"4\": must be 1, 2 or 3"},
		{"two severities that are one", `{"severities":{"Sev 1":1,"sev-1":2}}`, `/settings/severities/sev-1 "sev-1": means the same as "Sev 1"; leave one of the two`},
		{"a severity without a name", `{"severities":{" ":1}}`, `/settings/severities/  " ": the name must have 1 to 200 bytes`},
		{"not a table", `{"severities":1}`, `/settings/severities "1": must be an object of at most 500 entries, from a value of the field to 1, 2 or 3`},
		{"a service that is none", `{"services":{"a/b":"Bit Bucket"}}`, `/settings/services/a~1b "Bit Bucket": must be the slug of a service, such as "bitbucket": lower-case letters, digits and -, 63 at most`},
		{"a person who is none", `{"people":{"Ann":"ann@example.org","Bob":null}}`,
			"/settings/people/Ann \"ann@example.org\": must be a person's handle, such as \"ann\": lower-case letters, digits and -, 63 at most\n" +
				"/settings/people/Bob \"\": must be a person's handle, such as \"ann\": lower-case letters, digits and -, 63 at most"},
		{"two people who are not one", `{"people":{"a_b@x.org":"ann","ab@x.org":"bob"}}`, ""},
		{"not a list", `{"done":"Resolved"}`, `/settings/done "Resolved": must be a list of at most 500 texts`},
		{"a status that is none", `{"done":["Resolved","",7]}`, "/settings/done/1 \"\": must be a text of 1 to 200 bytes\n/settings/done/2 \"7\": must be a text of 1 to 200 bytes"},
		{"neither true nor false", `{"acknowledge_when_created":"no"}`, `/settings/acknowledge_when_created "no": must be true or false`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckSettings("jira", json.RawMessage(tt.settings))
			var got string
			if err != nil {
				got = err.Error()
				if fields, ok := errors.AsType[rosters.FieldErrors](err); !ok || len(fields) == 0 {
					t.Errorf("%T", err)
				}
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSettingsAreLimited(t *testing.T) {
	var entries []string
	for i := range maxTable + 1 {
		entries = append(entries, fmt.Sprintf(`"w%d":1`, i))
	}
	many := func(n int) error {
		return CheckSettings("jira", json.RawMessage(`{"severities":{`+strings.Join(entries[:n], ",")+`}}`))
	}
	if err := many(maxTable); err != nil {
		t.Error(err)
	}
	if err := many(maxTable + 1); err == nil || !strings.Contains(err.Error(), "at most 500 entries") {
		t.Errorf("got %v", err)
	}
	if err := CheckSettings("jira", json.RawMessage(`{"severities":{"`+strings.Repeat("x", maxSetting+1)+`":1}}`)); err == nil || !strings.Contains(err.Error(), "1 to 200 bytes") {
		t.Errorf("got %v", err)
	}
}

// Settings that a newer version saved are used as far as they are understood.
func TestSettingsThatAreNotUnderstood(t *testing.T) {
	s, err := readJiraSettings(json.RawMessage(`{"severity_field":"labels","from_the_future":1,"services":{"X":"x","Y":7}}`))
	if err == nil || s.severityField != "labels" || s.services["x"] != "x" || len(s.services) != 1 || s.serviceField != "components" || s.ackCreated {
		t.Errorf("%v %+v", err, s)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(hotSettings))
	f.Add([]byte(`{"topic_arn":"x","severity":9e9,"done":[{}],"people":{"\u0000":1}}`))
	f.Fuzz(func(t *testing.T, settings []byte) {
		for _, dialect := range []string{"jira", "sns"} {
			err := CheckSettings(dialect, settings)
			if fields, ok := errors.AsType[rosters.FieldErrors](err); err != nil && (!ok || len(fields) == 0) {
				t.Errorf("%s: %T %v", dialect, err, err)
			}
			for _, e := range func() rosters.FieldErrors { fields, _ := errors.AsType[rosters.FieldErrors](err); return fields }() {
				if !strings.HasPrefix(e.Field, "/settings") || e.Problem == "" || len(e.Value) > shownOfThem || e.Value != storable(e.Value) {
					t.Errorf("%+v", e)
				}
			}
		}
	})
}
