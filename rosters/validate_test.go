package rosters

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func goodPerson() Person {
	return Person{ID: "ann", Name: "Ann Óg", Zone: "Europe/Berlin", Language: "de", Contacts: []Contact{
		{Channel: Push, Address: "ann_phone-1"},
		{Channel: SMS, Address: "+4915112345678", After: 2 * time.Minute},
		{Channel: Voice, Address: "+4915112345678", After: 24 * time.Hour},
	}}
}

func goodRoster() Roster {
	from := time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)
	return bitbucket(Override{ID: "o1", Rotation: "week", Replaces: "ann", Person: "zoe", From: from, To: from.Add(time.Hour)})
}

// Each case spoils one thing; the error names its field, its value and what would be right.
func TestValidate(t *testing.T) {
	person := func(spoil func(*Person)) error { p := goodPerson(); spoil(&p); return p.Validate() }
	roster := func(spoil func(*Roster)) error { r := goodRoster(); spoil(&r); return r.Validate() }
	rotation := func(spoil func(*Rotation)) error { return roster(func(r *Roster) { spoil(&r.Rotations[0]) }) }
	override := func(spoil func(*Override)) error { return roster(func(r *Roster) { spoil(&r.Overrides[0]) }) }
	contact := func(c Contact) error { return person(func(p *Person) { p.Contacts[1] = c }) }
	hours := func(zone, from, to string, days ...time.Weekday) error {
		return Hours{Zone: zone, Windows: []Window{{days, from, to}}}.Validate()
	}
	tests := []struct {
		name string
		err  error
		want string // "field value: …problem…"; "" if all is well
	}{
		{"a good person", person(func(*Person) {}), ""},
		{"a person of few words", Person{ID: "a"}.Validate(), ""},
		{"a capital", person(func(p *Person) { p.ID = "Ann" }), `/id "Ann": lower-case`},
		{"an empty id", person(func(p *Person) { p.ID = "" }), `/id "": 1 to 63`},
		{"an id too long", person(func(p *Person) { p.ID = PersonID(strings.Repeat("a", 64)) }), `/id: 1 to 63`},
		{"two lines of name", person(func(p *Person) { p.Name = "Ann\nSTOP" }), `/name: line ends`},
		{"a zone that is not", person(func(p *Person) { p.Zone = "Atlantis/Harbour" }), `/zone "Atlantis/Harbour": IANA`},
		{"whatever zone the server has", person(func(p *Person) { p.Zone = "Local" }), `/zone "Local": whatever zone the server`},
		{"a language that is not", person(func(p *Person) { p.Language = "german" }), `/language "german": BCP 47`},
		{"a language as POSIX writes it", person(func(p *Person) { p.Language = "de_DE" }), `/language "de_DE": BCP 47`},
		{"too many contacts", person(func(p *Person) { p.Contacts = make([]Contact, 51) }), `/contacts "51": the limit is 50`},
		{"an unknown channel", contact(Contact{Channel: "fax", Address: "+4915112345678"}), `/contacts/1/channel "fax": push, web_push, sms, voice, email or webhook`},
		{"an e-mail address", contact(Contact{Channel: Email, Address: "ann@example.com"}), ``},
		{"an e-mail address with a name", contact(Contact{Channel: Email, Address: "Ann <ann@example.com>"}), `/contacts/1/address "Ann…m>": without a name`},
		{"two e-mail addresses", contact(Contact{Channel: Email, Address: "ann@example.com,bob@example.com"}), `/contacts/1/address: e-mail`},
		{"a webhook", contact(Contact{Channel: Webhook, Address: "https://example.com/hook?x=1"}), ``},
		{"a webhook with a password", contact(Contact{Channel: Webhook, Address: "https://ann:secret@example.com/"}), `/contacts/1/address "htt…m/": without a password`},
		{"a webhook that is a file", contact(Contact{Channel: Webhook, Address: "file:///etc/passwd"}), `/contacts/1/address: web address`},
		{"a browser", contact(Contact{Channel: WebPush, Address: "https://push.example.com/x#" + strings.Repeat("B", 87) + "." + strings.Repeat("c", 22)}), ``},
		{"a browser without keys", contact(Contact{Channel: WebPush, Address: "https://push.example.com/x"}), `/contacts/1/address: Send pages to this browser`},
		{"a number without +", contact(Contact{Channel: SMS, Address: "015112345678"}), `/contacts/1/address "015…78": E.164`},
		{"a number with 0 after +", contact(Contact{Channel: SMS, Address: "+015112345678"}), `/contacts/1/address: first not 0`},
		{"a number with spaces", contact(Contact{Channel: Voice, Address: "+49 151 1234567"}), `/contacts/1/address "+49…67": without spaces`},
		{"a number of six digits", contact(Contact{Channel: Voice, Address: "+491511"}), `/contacts/1/address: 7 to 15 digits`},
		{"a number of seven digits", contact(Contact{Channel: Voice, Address: "+4915112"}), ``},
		{"a number of sixteen digits", contact(Contact{Channel: Voice, Address: "+4915112345678901"}), `/contacts/1/address: 7 to 15 digits`},
		{"a number with a line end", contact(Contact{Channel: SMS, Address: "+4915112345678\n"}), `/contacts/1/address: E.164`},
		{"a topic with a slash", contact(Contact{Channel: Push, Address: "ann/../bob"}), `/contacts/1/address "ann…ob": topic`},
		{"a topic too long", contact(Contact{Channel: Push, Address: strings.Repeat("a", 65)}), `/contacts/1/address: 1 to 64`},
		{"before the page began", contact(Contact{Channel: SMS, Address: "+4915112345678", After: -1}), `/contacts/1/after "-1ns": 24h`},
		{"a day and a second after", contact(Contact{Channel: SMS, Address: "+4915112345678", After: 24*time.Hour + 1}), `/contacts/1/after: 24h`},

		{"a good roster", roster(func(*Roster) {}), ""},
		{"overrides only", roster(func(r *Roster) { r.Rotations, r.Overrides[0].Rotation = nil, "" }), ""},
		{"nothing in it", roster(func(r *Roster) { *r = Roster{ID: "empty"} }), `/rotations: nobody would ever be on call`},
		{"its id", roster(func(r *Roster) { r.ID = "-im" }), `/id "-im": not begin with a hyphen`},
		{"too many rotations", roster(func(r *Roster) { r.Rotations = make([]Rotation, 101) }), `/rotations "101": the limit is 100`},
		{"too many overrides", roster(func(r *Roster) { r.Overrides = make([]Override, 1001) }), `/overrides "1001": the limit is 1000`},
		{"two rotations of one name", roster(func(r *Roster) { r.Rotations[1].ID = "week" }), `/rotations/1/id "week": used twice`},
		{"two overrides of one name", roster(func(r *Roster) { r.Overrides = append(r.Overrides, r.Overrides[0]) }), `/overrides/1/id "o1": used twice`},
		{"a rotation's id", rotation(func(r *Rotation) { r.ID = "" }), `/rotations/0/id "": 1 to 63`},
		{"no zone", rotation(func(r *Rotation) { r.Zone = "" }), `/rotations/0/zone "": IANA`},
		{"an unknown zone", rotation(func(r *Rotation) { r.Zone = "Berlin" }), `/rotations/0/zone "Berlin": Europe/Berlin`},
		{"a start with an offset", rotation(func(r *Rotation) { r.Start = "2026-01-05T09:00:00Z" }), `/rotations/0/start "2026-01-05T09:00:00Z": without an offset`},
		{"a start without a time", rotation(func(r *Rotation) { r.Start = "2026-01-05" }), `/rotations/0/start: 2026-01-05T09:00:00`},
		{"a day that is not", rotation(func(r *Rotation) { r.Start = "2026-02-30T09:00:00" }), `/rotations/0/start "2026-02-30T09:00:00": must be`},
		{"a start long ago", rotation(func(r *Rotation) { r.Start = "1969-12-31T09:00:00" }), `/rotations/0/start: 1970 to 2199`},
		{"a rule", rotation(func(r *Rotation) { r.Rule = "FREQ=DAILY;INTERVAL=0" }), `/rotations/0/rule "FREQ=DAILY;INTERVAL=0": INTERVAL=0: must be a whole number, 1 to 366`},
		{"neither a rule nor every", rotation(func(r *Rotation) { r.Rule = "" }), `/rotations/0/rule: is missing`},
		{"seven hours each", rotation(func(r *Rotation) { r.Rule, r.Every = "", 7*time.Hour }), ""},
		{"a rule and every", rotation(func(r *Rotation) { r.Every = 7 * time.Hour }), `/rotations/0/rule: does not go with every`},
		{"every, and times", rotation(func(r *Rotation) { r.Rule, r.Every, r.Times = "", 7*time.Hour, []string{"09:00"} }), `/rotations/0/times "1": does not go with every`},
		{"every, and a hand-over left out", rotation(func(r *Rotation) { r.Rule, r.Every, r.Without = "", 7*time.Hour, []string{"2026-01-06"} }), `/rotations/0/without "1": does not go with every`},
		{"every minute", rotation(func(r *Rotation) { r.Rule, r.Every = "", time.Minute }), `/rotations/0/every "1m0s": must be 1h0m0s to 8784h0m0s`},
		{"every so many nanoseconds", rotation(func(r *Rotation) { r.Rule, r.Every = "", time.Hour+1 }), `/rotations/0/every: in whole seconds`},
		{"an age ago", rotation(func(r *Rotation) { r.Rule, r.Every = "", -time.Hour }), `/rotations/0/every "-1h0m0s": must be`},
		{"hours to the second", rotation(func(r *Rotation) { r.Hours = []Window{{[]time.Weekday{1}, "12:31:23", "13:31:23"}} }), ""},
		{"hours of 61 seconds", rotation(func(r *Rotation) { r.Hours = []Window{{[]time.Weekday{1}, "12:31:61", "13:31"}} }), `/rotations/0/hours/0/from "12:31:61": must be a time of day`},
		{"a negative length", rotation(func(r *Rotation) { r.Length = -time.Hour }), `/rotations/0/length "-1h0m0s": 0 (until the next hand-over)`},
		{"a length in nanoseconds by mistake", rotation(func(r *Rotation) { r.Length = 3600 }), `/rotations/0/length "3.6µs": 1m0s`},
		{"a year and a day", rotation(func(r *Rotation) { r.Length = 367 * day }), `/rotations/0/length "8808h0m0s": 8784h`},
		{"nobody in it", rotation(func(r *Rotation) { r.Participants = nil }), `/rotations/0/participants: at least one`},
		{"an empty seat in it", rotation(func(r *Rotation) { r.Participants = []PersonID{"ann", ""} }), ""},
		{"empty seats only", rotation(func(r *Rotation) { r.Participants = []PersonID{"", ""} }), `/rotations/0/participants: at least one`},
		{"everyone, and an empty seat", rotation(func(r *Rotation) { r.Everyone, r.Participants = true, []PersonID{"ann", ""} }), `/rotations/0/participants/1 "": leave it out`},
		{"everyone, and one twice", rotation(func(r *Rotation) { r.Everyone, r.Participants = true, []PersonID{"ann", "bob", "ann"} }), `/rotations/0/participants/2 "ann": named twice`},
		{"what is no name in it", rotation(func(r *Rotation) { r.Participants = []PersonID{"ann", "Bob!"} }), `/rotations/0/participants/1 "Bob!": 1 to 63`},
		{"a rank beyond all", rotation(func(r *Rotation) { r.Rank = 1001 }), `/rotations/0/rank "1001": -1000 to 1000`},
		{"fewer than no shifts each", rotation(func(r *Rotation) { r.Each = -1 }), `/rotations/0/each "-1": 0 to 1000`},
		{"a negative advance", rotation(func(r *Rotation) { r.Ahead = -1 }), `/rotations/0/ahead "-1": 0 to`},
		{"an end before the beginning", rotation(func(r *Rotation) { r.From = time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC); r.Until = r.From }), `/rotations/0/until "2026-01-06T00:00:00Z": later than from, which is 2026-01-06T00:00:00Z`},
		{"no time of day", rotation(func(r *Rotation) { r.Times = []string{"06:30", "24:00"} }), `/rotations/0/times/1 "24:00": such as "06:30"`},
		{"times said twice", rotation(func(r *Rotation) { r.Rule, r.Times = "FREQ=DAILY;BYHOUR=6", []string{"06:30"} }), `/rotations/0/times "1": in one place`},
		{"too many times", rotation(func(r *Rotation) { r.Times = make([]string, 25) }), `/rotations/0/times "25": the limit is 24`},
		{"no hand-over to leave out", rotation(func(r *Rotation) { r.Without = []string{"Christmas"} }), `/rotations/0/without/0 "Christmas": such as "2026-12-25T09:00:00"`},
		{"every hand-over left out", rotation(func(r *Rotation) { r.Rule, r.Without = "FREQ=WEEKLY;COUNT=1", []string{"2026-01-05"} }), `/rotations/0/without "1": leave no hand-over`},
		{"a hand-over with an offset", rotation(func(r *Rotation) { r.Besides = []string{"2026-12-25T09:00:00Z"} }), `/rotations/0/besides/0: without an offset`},
		{"a hand-over before the first", rotation(func(r *Rotation) { r.Besides = []string{"2025-12-25T09:00:00"} }), `/rotations/0/besides/0 "2025-12-25T09:00:00": not be before start`},
		{"hours of no day", rotation(func(r *Rotation) { r.Hours = []Window{{nil, "09:00", "17:00"}} }), `/rotations/0/hours/0/days "0": 1 to 7`},
		{"hours that never meet a shift", rotation(func(r *Rotation) {
			r.Length, r.Hours = time.Hour, []Window{{[]time.Weekday{time.Sunday}, "09:00", "17:00"}}
		}), `/rotations/0/hours "1": never`},
		{"too many in it", rotation(func(r *Rotation) { r.Participants = make([]PersonID, 201) }), `/rotations/0/participants "201": the limit is 200`},
		{"an override of no rotation of its", override(func(o *Override) { o.Rotation = "month" }), `/overrides/0/rotation "month": no such rotation`},
		{"of no kind", override(func(o *Override) { o.Kind = "swap" }), `/overrides/0/kind "swap": replace, add or take_off`},
		{"that takes off and puts on", override(func(o *Override) { o.Kind = TakeOff }), `/overrides/0/person "zoe": puts nobody on`},
		{"that adds instead of somebody", override(func(o *Override) { o.Kind = Add }), `/overrides/0/replaces "ann": replaces nobody`},
		{"that takes everybody off", override(func(o *Override) { o.Kind, o.Replaces, o.Person = TakeOff, "", "" }), ""},
		{"by nobody", override(func(o *Override) { o.Person = "" }), `/overrides/0/person "": 1 to 63`},
		{"of oneself", override(func(o *Override) { o.Replaces = "zoe" }), `/overrides/0/replaces "zoe": would do nothing`},
		{"of what is no name", override(func(o *Override) { o.Replaces = "Ann!" }), `/overrides/0/replaces "Ann!": 1 to 63`},
		{"that ends as it begins", override(func(o *Override) { o.To = o.From }), `/overrides/0/to "2026-01-06T00:00:00Z": later than from, which is 2026-01-06T00:00:00Z`},
		{"that never ends", override(func(o *Override) { o.To = time.Time{} }), `/overrides/0/to "": missing`},
		{"that never begins", override(func(o *Override) { o.From = time.Time{} }), `/overrides/0/from "": missing`},
		{"of two years", override(func(o *Override) { o.To = o.From.AddDate(2, 0, 0) }), `/overrides/0/to "2028-01-06T00:00:00Z": 366 days`},

		{"hours of few words", Hours{}.Validate(), ""},
		{"a day to its end", hours("Europe/Berlin", "00:00", "24:00", time.Saturday), ""},
		{"hours of no zone", hours("Local", "09:00", "17:00", time.Monday), `/zone "Local": server`},
		{"hours across midnight", hours("", "22:00", "06:00", time.Monday), ""},
		{"hours from the end of the day", hours("", "24:00", "06:00", time.Monday), `/windows/0/from "24:00": such as "09:00"`},
		{"no time", hours("", "9:00", "17:00", time.Monday), `/windows/0/from "9:00": such as "09:00"`},
		{"no such time", hours("", "09:00", "24:01", time.Monday), `/windows/0/to "24:01": time of day`},
		{"no days", hours("", "09:00", "17:00"), `/windows/0/days "0": 1 to 7`},
		{"no such day", hours("", "09:00", "17:00", 7), `/windows/0/days/0 "7": 0 (Sunday) to 6`},
		{"too many windows", Hours{Windows: make([]Window, 51)}.Validate(), `/windows "51": the limit is 50`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				if tt.err != nil {
					t.Fatal(tt.err)
				}
				return
			}
			var fields FieldErrors
			if !errors.As(tt.err, &fields) {
				t.Fatalf("got %v, want %s", tt.err, tt.want)
			}
			where, problem, _ := strings.Cut(tt.want, ": ")
			for _, f := range fields {
				if (f.Field == where || fmt.Sprintf("%s %q", f.Field, f.Value) == where) && strings.Contains(f.Problem, problem) {
					return
				}
			}
			t.Errorf("got %v\nwant %s", tt.err, tt.want)
		})
	}
}

// All that is wrong is said at once, and nothing else.
func TestValidateSaysAllAtOnce(t *testing.T) {
	r := goodRoster()
	r.ID = "BB"
	r.Rotations[0].Zone, r.Rotations[0].Start, r.Rotations[0].Rule = "Mars/Base", "soon", "WEEKLY"
	r.Overrides[0].To = r.Overrides[0].From
	var fields FieldErrors
	if !errors.As(r.Validate(), &fields) {
		t.Fatal("nothing is wrong")
	}
	var got []string
	for _, f := range fields {
		got = append(got, f.Field)
	}
	if want := "/id /rotations/0/zone /rotations/0/start /rotations/0/rule /overrides/0/to"; strings.Join(got, " ") != want {
		t.Errorf("wrong are %v, want %s", got, want)
	}
}
func TestZoneNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "UTC": true, "Europe/Berlin": true, "America/Argentina/Buenos_Aires": true, "Etc/GMT+5": true,
		"Local": false, "local": false, "localtime": false, "Atlantis/Harbour": false, "europe/berlin ": false,
		"../etc/passwd": false, "/etc/localtime": false, "Europe//Berlin": false, "right/Europe/Berlin": false, "CET-1CEST": false,
	} {
		if _, err := loadZone(name); (err == nil) != ok {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}
