package rosterdb_test

import (
	"reflect"
	"testing"

	"rouse/rosters"
)

// Other systems call people as they like: by handle, name or mail address, or, as Zabbix, by "Name (alias)".
func TestPeopleAreFoundByWhatOthersCallThem(t *testing.T) {
	s := store(t)
	for id, name := range map[rosters.PersonID]string{"ann": "Ann Example", "bob": "Bob Example", "bob2": "Bob Example", "admin": "Zabbix Administrator", "dora": "Dora (dba)"} {
		if err := s.CreatePerson(ctx, rosters.Person{ID: id, Name: name, Zone: "UTC", Language: "en"}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]rosters.PersonID{
		"ann": "ann", "ANN": "ann", "Ann Example": "ann", "ann@example.com": "ann", "Ann@Example.com": "ann",
		"Ann Example (ann)": "ann", "Somebody Else (ann)": "ann", "Ann Example (aexample)": "ann", "Ann Example (ann@example.com)": "ann",
		"Zabbix Administrator (Admin)": "admin", "Dora (dba)": "dora", "Bob Example (bob2)": "bob2",
	}
	names := []string{"", "nobody", "@ann", "Bob Example", "Bob Example (rob)", "(", ")", "()", "(nobody)", "Nobody (Else)"}
	for name := range want {
		names = append(names, name)
	}
	got, err := s.Called(ctx, names)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
