package intake

import (
	"encoding/json"
	"regexp"
	"strings"

	"rouse/engine"
	"rouse/rosters"
)

// jiraSettings are what a key of the dialect jira may carry; a key without them has the defaults.
//
//	severity_field             the field that says how bad it is: "priority" (default), "labels", or the id of a
//	                           custom field, "customfield_10041"
//	severities                 {"Severity 1": 1}: what its values mean; of those that are not here the number in
//	                           them counts ("Sev 2", "S2", "2 - High"), or the word ("Highest")
//	service_field              the field that says what is broken: "components" (default), "labels", "project", or
//	                           the id of a custom field. It counts only for a key that is bound to no service
//	services                   {"Bitbucket Cloud": "bitbucket"}: the service of its values; of those that are not
//	                           here it is the slug ("bitbucket-cloud")
//	done                       ["Resolved"]: the statuses in which an issue is over; by default those that Jira
//	                           itself counts as done
//	people                     {"5b10ac8d82e05b22cc7d4ef5": "ann"}: the handle of a person of Jira, by account id, mail
//	                           address or name
//	acknowledge_when_created   true: an issue that is assigned to somebody as it is created is acknowledged by
//	                           that. By default only one whose creator took it is: Jira assigns by itself,
//	                           too, and a machine acknowledges nothing
type jiraSettings struct {
	severityField, serviceField string                      // folded by foldName
	severities                  map[string]engine.Severity  // by folded word
	services                    map[string]engine.ServiceID // by folded name
	done                        map[string]bool             // by folded status; empty: as Jira says
	people                      map[string]rosters.PersonID // by foldPerson
	ackCreated                  bool
}

var (
	jiraSeverityField = regexp.MustCompile(`^(priority|labels|customfield_[0-9]{1,10})$`)
	jiraServiceField  = regexp.MustCompile(`^(components|labels|project|customfield_[0-9]{1,10})$`)
	ownSlug           = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) // of a service or a person
)

func checkJira(settings json.RawMessage) error {
	_, err := readJiraSettings(settings)
	return err
}

// readJiraSettings reads settings; what is wrong with them counts as not set.
func readJiraSettings(settings json.RawMessage) (jiraSettings, error) {
	f := newSettingsForm(settings, "severity_field", "severities", "service_field", "services", "done", "people", "acknowledge_when_created")
	s := jiraSettings{severities: map[string]engine.Severity{}, services: map[string]engine.ServiceID{}, done: map[string]bool{}, people: map[string]rosters.PersonID{}}
	s.severityField = foldName(first(f.text("severity_field", `"priority", "labels" or the id of a custom field, such as "customfield_10041"`,
		jiraSeverityField.MatchString), "priority"))
	s.serviceField = foldName(first(f.text("service_field", `"components", "labels", "project" or the id of a custom field, such as "customfield_10042"`,
		jiraServiceField.MatchString), "components"))
	f.table("severities", "a value of the field to 1, 2 or 3", foldName, func(word string, v any) string {
		severity, ok := severityNumber(v)
		if !ok {
			return "must be 1, 2 or 3"
		}
		s.severities[word] = severity
		return ""
	})
	f.table("services", "a value of the field to the slug of a service", foldName, func(name string, v any) string {
		slug, _ := v.(string)
		if !ownSlug.MatchString(slug) {
			return "must be the slug of a service, such as \"bitbucket\": lower-case letters, digits and -, 63 at most"
		}
		s.services[name] = engine.ServiceID(slug)
		return ""
	})
	f.table("people", "an account id, a mail address or a name to a person's handle", foldPerson, func(who string, v any) string {
		handle, _ := v.(string)
		if !ownSlug.MatchString(handle) {
			return "must be a person's handle, such as \"ann\": lower-case letters, digits and -, 63 at most"
		}
		s.people[who] = rosters.PersonID(handle)
		return ""
	})
	for _, status := range f.list("done") {
		s.done[foldName(status)] = true
	}
	s.ackCreated = f.truth("acknowledge_when_created", false)
	return s, f.err()
}

// foldPerson makes one of the ways in which a person may be written. It folds less than foldName: a_b@x.org
// and ab@x.org are two people.
func foldPerson(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
