package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// mapped reads a payload by the expressions of a mapping, a JSON object.
func mapped(t *testing.T, expressions, body string) ([]engine.Alert, []failure) {
	t.Helper()
	m, err := readMapping(json.RawMessage(`{"mapping":` + expressions + `}`))
	if err != nil {
		t.Fatal(err)
	}
	p := Payload{Body: []byte(body), Header: http.Header{"X-Gitlab-Event": {"Pipeline Hook"}, "Authorization": {"Bearer sesame"}},
		Query: map[string][]string{"team": {"dba"}, "token": {"sesame"}}}
	alerts, _, failed := readWebhook(p, Sender{}, m)
	for _, a := range alerts {
		wantWhole(t, a)
		if a.Source != "webhook" {
			t.Errorf("source %q", a.Source)
		}
	}
	return alerts, failed
}

func TestMapping(t *testing.T) {
	const body = `{"id":12345678901,"ratio":0.25,"ok":false,"name":"Queue  grows","host":"mq-1","level":"page","since":1787300000,
		"started":"2026-08-22T08:24:38Z","tags":["prod","eu"],"facts":{"depth":9000,"vhost":"/"},"url":"https://mq.example/q","nothing":null,
		"people":[{"login":"Ann"}],"title":"not this","summary":"nor this"}`
	for _, tt := range []struct {
		name, field, expression string
		got                     func(a engine.Alert) any
		want                    any
	}{
		{"a member", "summary", `body.name`, func(a engine.Alert) any { return a.Summary }, "Queue grows"},
		{"a text of parts", "summary", `body.name + " on " + body.host`, func(a engine.Alert) any { return a.Summary }, "Queue grows on mq-1"},
		{"a number is a whole one", "dedup_key", `"mq/" + string(body.id)`, func(a engine.Alert) any { return a.DedupKey }, "mq/12345678901"},
		{"a number alone", "dedup_key", `body.id`, func(a engine.Alert) any { return a.DedupKey }, "12345678901"},
		{"a fraction", "summary", `body.ratio`, func(a engine.Alert) any { return a.Summary }, "0.25"},
		{"arithmetic", "summary", `body.ratio * 2.0 > 0.4`, func(a engine.Alert) any { return a.Summary }, "true"},
		{"null is not said", "summary", `body.nothing`, func(a engine.Alert) any { return a.Summary }, "not this"},
		{"an optional that is there", "summary", `body.?host`, func(a engine.Alert) any { return a.Summary }, "mq-1"},
		{"an optional that is not", "dedup_key", `body.?facts.?nope`, func(a engine.Alert) any { return a.DedupKey }, ""},
		{"another instead", "summary", `body.?x.?y.orValue(body.host)`, func(a engine.Alert) any { return a.Summary }, "mq-1"},
		{"a header", "summary", `headers["x-gitlab-event"]`, func(a engine.Alert) any { return a.Summary }, "Pipeline Hook"},
		{"a parameter", "service", `query.team`, func(a engine.Alert) any { return a.Service }, engine.ServiceID("dba")},
		{"a word for the severity", "severity", `body.level`, func(a engine.Alert) any { return fmt.Sprint(a.Severity, " ", a.Word) }, "1 page"},
		{"a number for the severity", "severity", `body.ok ? 1 : 3`, func(a engine.Alert) any { return fmt.Sprint(a.Severity, " ", a.Word) }, "3 3"},
		{"an unknown word", "severity", `"purple"`, func(a engine.Alert) any { return fmt.Sprint(a.Severity, " ", a.Word, " ", a.Details) }, "2 purple severity as sent: purple"},
		{"resolved", "action", `body.ok ? "trigger" : "resolve"`, func(a engine.Alert) any { return a.Action }, engine.Resolve},
		{"an unknown action", "action", `"explode"`, func(a engine.Alert) any { return fmt.Sprint(a.Action, " ", a.Details) }, "trigger action as sent: explode"},
		{"details of parts", "details", `body.facts`, func(a engine.Alert) any { return a.Details }, "{\n  \"depth\": 9000,\n  \"vhost\": \"/\"\n}"},
		{"details made", "details", `{"d": body.facts.depth, "list": [1, 2.5, true, null, timestamp("2026-01-01T00:00:00Z"), duration("90s")]}`,
			func(a engine.Alert) any { return strings.Join(strings.Fields(a.Details), "") },
			`{"d":9000,"list":[1,2.5,true,null,"2026-01-01T00:00:00Z","1m30s"]}`},
		{"labels of an object", "labels", `body.facts`, func(a engine.Alert) any { return a.Labels }, map[string]string{"depth": "9000", "vhost": "/"}},
		{"labels of tags", "labels", `body.tags`, func(a engine.Alert) any { return a.Labels }, map[string]string{"tag:prod": "", "tag:eu": ""}},
		{"labels of names and values", "labels", `[{"name": "a", "value": 1}, {"key": "b", "value": "x"}]`, func(a engine.Alert) any { return a.Labels },
			map[string]string{"a": "1", "b": "x"}},
		{"labels made", "labels", `{"host": body.host, "n": size(body.tags)}`, func(a engine.Alert) any { return a.Labels }, map[string]string{"host": "mq-1", "n": "2"}},
		{"a link", "links", `body.url`, func(a engine.Alert) any { return []engine.Link(a.Links) }, []engine.Link{{Href: "https://mq.example/q"}}},
		{"links", "links", `[{"href": body.url, "text": "Queue"}, "https://b.example/"]`, func(a engine.Alert) any { return []engine.Link(a.Links) },
			[]engine.Link{{Href: "https://mq.example/q", Text: "Queue"}, {Href: "https://b.example/"}}},
		{"the sender's key", "key", `"hot-" + string(7)`, func(a engine.Alert) any { return a.Key }, engine.Key("HOT-7")},
		{"who", "by", `body.people[0].login`, func(a engine.Alert) any { return a.By }, rosters.PersonID("ann")},
		{"a time", "at", `body.started`, func(a engine.Alert) any { return a.At.UTC().String() }, "2026-08-22 08:24:38 +0000 UTC"},
		{"a timestamp", "at", `timestamp(body.started) - duration("1h")`, func(a engine.Alert) any { return a.At.UTC().String() }, "2026-08-22 07:24:38 +0000 UTC"},
		{"seconds", "at", `body.since`, func(a engine.Alert) any { return a.At.UTC().String() }, "2026-08-21 08:13:20 +0000 UTC"},
		{"milliseconds", "at", `body.since * 1000 + 5`, func(a engine.Alert) any { return a.At.UTC().String() }, "2026-08-21 08:13:20.005 +0000 UTC"},
		{"lower case", "summary", `body.host.upperAscii() + body.name.lowerAscii() + " x ".trim()`, func(a engine.Alert) any { return a.Summary }, "MQ-1queue growsx"},
		{"split, replace and join", "summary", `body.host.replace("-", " ").split(" ").join("/")`, func(a engine.Alert) any { return a.Summary }, "mq/1"},
		{"a pattern", "summary", `body.host.matches("^mq-[0-9]$")`, func(a engine.Alert) any { return a.Summary }, "true"},
		{"a part by a pattern", "dedup_key", `regex.extract(body.url, "https://([^/]+)")`, func(a engine.Alert) any { return a.DedupKey }, "mq.example"},
		{"no part by a pattern", "dedup_key", `regex.extract(body.host, "x(y)")`, func(a engine.Alert) any { return a.DedupKey }, ""},
		{"a macro", "summary", `body.tags.filter(t, t != "eu").map(t, t + "!").join(",")`, func(a engine.Alert) any { return a.Summary }, "prod!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := json.Marshal(map[string]string{tt.field: tt.expression})
			alerts, failed := mapped(t, string(m), body)
			if len(alerts) != 1 || len(failed) > 0 {
				t.Fatalf("%d alerts, failed %v", len(alerts), failed)
			}
			if got := tt.got(alerts[0]); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What the mapping does not give is read as in our own format.
func TestMappingAboveOurOwnFormat(t *testing.T) {
	alerts, failed := mapped(t, `{"severity":"body.prio"}`, `{"summary":"Disk full","prio":"P1","Severity":"low","dedup_key":"d","service":"db","host":"db1"}`)
	a := alerts[0]
	if len(failed) > 0 || a.Summary != "Disk full" || a.Severity != engine.Critical || a.Word != "P1" || a.DedupKey != "d" || a.Service != "db" || a.Details != "" {
		t.Errorf("got %+v, %v", what(a), failed)
	}
	if want := map[string]string{"host": "db1", "prio": "P1", "severity": "P1", "service": "db"}; !reflect.DeepEqual(a.Labels, want) {
		t.Errorf("labels %v", a.Labels)
	}
}

// A mapping that fails costs a field, never the alert.
func TestAMappingThatFails(t *testing.T) {
	const body = `{"title":"Disk full","severity":"critical","id":7,"list":[1,2,3]}`
	for _, tt := range []struct {
		name, mapping string
		failed        string // what the details say
		check         func(a engine.Alert) bool
	}{
		{"no such member", `{"summary":"body.name"}`, "The mapping's summary could not be used: no such key: name",
			func(a engine.Alert) bool { return a.Summary == "Disk full" && a.Severity == engine.Critical }},
		{"wrong types", `{"summary":"'no ' + body.id"}`, "The mapping's summary could not be used: no such overload",
			func(a engine.Alert) bool { return a.Summary == "Disk full" }},
		{"a dedup key", `{"dedup_key":"body.uuid"}`, "dedup_key could not be used",
			func(a engine.Alert) bool { return a.DedupKey == bodyKey(sourceWebhook, Sender{}, []byte(body)) }},
		{"a severity", `{"severity":"body.level"}`, "severity could not be used", func(a engine.Alert) bool { return a.Severity == engine.Critical }},
		{"no number", `{"dedup_key":"double(body.id) / 0.0"}`, "gives no finite number", func(a engine.Alert) bool { return true }},
		{"a type", `{"dedup_key":"type(body.id)"}`, "gives a type", func(a engine.Alert) bool { return true }},
		{"too many steps", `{"summary":"body.list.all(a, body.list.all(b, body.list.all(c, body.list.all(d, body.list.all(e, body.list.all(f, body.list.all(g, body.list.all(h, body.list.all(i, true))))))))) ? 'x' : 'y'"}`,
			"takes too many steps", func(a engine.Alert) bool { return a.Summary == "Disk full" }},
		{"each of no list", `{"each":"body.title","severity":"3","summary":"item.name"}`, "The mapping's each could not be used: gives a text, no list",
			func(a engine.Alert) bool {
				return a.Summary == "Disk full" && a.Severity == engine.Minor && a.DedupKey == bodyKey(sourceWebhook, Sender{}, []byte(body)) && strings.Contains(a.Details, "summary could not be used")
			}},
		{"each of nothing", `{"each":"body.alerts"}`, "The mapping's each could not be used: no such key: alerts", func(a engine.Alert) bool { return a.Summary == "Disk full" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, failed := mapped(t, tt.mapping, body)
			if len(alerts) != 1 || len(failed) == 0 {
				t.Fatalf("%d alerts, failed %v", len(alerts), failed)
			}
			a := alerts[0]
			if a.Action != engine.Trigger || !strings.Contains(a.Details, tt.failed) || !tt.check(a) || string(a.Raw) != body {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestEach(t *testing.T) {
	alerts, failed := mapped(t, `{"each":"body.rows.filter(r, r.n != 'skip')","summary":"item.n + ' of ' + body.of","dedup_key":"item.n",
		"action":"item.up ? 'resolve' : 'trigger'"}`,
		`{"of":"eu","rows":[{"n":"a","up":true,"extra":1},{"n":"skip"},{"n":"b","up":false},{"n":"c"}]}`)
	if len(alerts) != 3 || alerts[0].Summary != "a of eu" || alerts[0].Action != engine.Resolve || alerts[1].DedupKey != "b" || alerts[1].Action != engine.Trigger {
		t.Fatalf("got %+v", alerts)
	}
	if string(alerts[0].Raw) != `{"extra":1,"n":"a","up":true}` || alerts[0].Labels["extra"] != "1" {
		t.Errorf("raw %s, labels %v", alerts[0].Raw, alerts[0].Labels)
	}
	if len(failed) != 1 || failed[0].field != "action" || failed[0].no != 3 || alerts[2].Action != engine.Trigger || !strings.Contains(alerts[2].Details, "no such key: up") {
		t.Errorf("failed %v, %+v", failed, alerts[2])
	}

	alerts, _ = mapped(t, `{"each":"body.groups.map(g, g.alerts)","summary":"item"}`, `{"groups":[{"alerts":["a","b"]},{"alerts":[]},{"alerts":["c"]}]}`)
	if len(alerts) != 3 || alerts[2].Summary != "c" {
		t.Errorf("of lists within: %+v", alerts)
	}
	alerts, _ = mapped(t, `{"each":"body"}`, `["first\nline",{"summary":"b"},7,null]`)
	if len(alerts) != 4 || alerts[0].Summary != "first" || alerts[0].Details != "first\nline" || alerts[1].Summary != "b" || !strings.Contains(alerts[2].Details, "7") {
		t.Errorf("of anything: %+v", alerts)
	}
	alerts, _ = mapped(t, `{"each":"body"}`, `[`+strings.Repeat(`"x",`, 1500)+`"x"]`)
	if len(alerts) != maxAlerts+1 || alerts[maxAlerts].Summary != "A webhook sent 1501 alerts at once, of which 1000 were read" {
		t.Errorf("%d alerts, the last %+v", len(alerts), alerts[len(alerts)-1])
	}
}

// A mapping may leave payloads out, but nothing is lost: they are on record.
func TestEachOfAnEmptyListIsPutOnRecord(t *testing.T) {
	alerts, failed := mapped(t, `{"each":"body.filter(a, a == 'firing')"}`, `["ok"]`)
	if len(alerts) != 1 || len(failed) > 0 || alerts[0].Action != engine.Record || string(alerts[0].Raw) != `["ok"]` {
		t.Errorf("got %+v, %v", alerts, failed)
	}
}

func TestMappingSettingsAreChecked(t *testing.T) {
	for settings, want := range map[string]string{
		`[]`:                                                             `/settings: must be a JSON object, such as {"mapping": …}`,
		`{"maping":{}}`:                                                  "/settings/maping: is not known; use one of mapping",
		`{"mapping":"body"}`:                                             `/settings/mapping: must be an object of expressions, such as {"summary": "body.title"}`,
		`{"mapping":{"sumary":"body"}}`:                                  "/settings/mapping/sumary: is not known; use each, summary, severity, service,",
		`{"mapping":{"a/b~":"body"}}`:                                    "/settings/mapping/a~1b~0: is not known",
		`{"mapping":{"summary":1}}`:                                      `/settings/mapping/summary: must be a CEL expression in a text, such as "body.title"`,
		`{"mapping":{"summary":null}}`:                                   `/settings/mapping/summary: must be a CEL expression`,
		`{"mapping":{"summary":" "}}`:                                    "/settings/mapping/summary: is empty; leave the field out",
		`{"mapping":{"summary":"body."}}`:                                "/settings/mapping/summary: line 1, column 6: Syntax error",
		`{"mapping":{"summary":"bdy.x"}}`:                                "/settings/mapping/summary: line 1, column 1: undeclared reference to 'bdy'",
		`{"mapping":{"summary":"item.x"}}`:                               "item is there only with each, and not in each itself",
		`{"mapping":{"each":"item.x"}}`:                                  "/settings/mapping/each: line 1, column 1: undeclared reference to 'item'",
		`{"mapping":{"each":"1"}}`:                                       "/settings/mapping/each: gives int; it has to give a list",
		`{"mapping":{"summary":"1 + 'a'"}}`:                              "/settings/mapping/summary: line 1, column 3: found no matching overload",
		`{"mapping":{"summary":"body.x.matches('(')"}}`:                  "/settings/mapping/summary: has no regular expression in \"(\": error parsing regexp",
		`{"mapping":{"summary":"body.x.matches(body.y)"}}`:               "/settings/mapping/summary: has a regular expression that is not written out",
		`{"mapping":{"summary":"'a'.matches('x{900}')"}}`:                "it compiles to 902 instructions, the limit is 120",
		`{"mapping":{"summary":"regex.extract(body.x, '(a)(b)')"}}`:      "has 2 groups in \"(a)(b)\": regex.extract takes one at most",
		`{"mapping":{"summary":"` + strings.Repeat("body", 1001) + `"}}`: "/settings/mapping/summary: is 4004 bytes long, the limit is 4000",
		`{"mapping":{"summary":"` + strings.Repeat("(", 60) + `"}}`:      "/settings/mapping/summary: line",
	} {
		var wrong rosters.FieldErrors
		if err := CheckSettings("webhook", json.RawMessage(settings)); !errors.As(err, &wrong) {
			t.Errorf("%.100s: got %v", settings, err)
			continue
		}
		if got := wrong[0].Field + ": " + wrong[0].Problem; !strings.Contains(got, want) {
			t.Errorf("%.100s: got %s\nwant %s", settings, got, want)
		}
	}
	for _, settings := range []string{`{}`, `{"mapping":{}}`, `{"mapping":{"each":"body.a","summary":"item.b","links":"[body.c]"}}`} {
		if err := CheckSettings("webhook", json.RawMessage(settings)); err != nil {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

// Mappings are made ready once; one that is not understood any more leaves our own format.
func TestMappingsAreKeptReady(t *testing.T) {
	var ms mappings
	settings := json.RawMessage(`{"mapping":{"summary":"body.x"}}`)
	if first := ms.of(settings); first == nil || ms.of(settings) != first {
		t.Error("it is made ready again")
	}
	if ms.of(nil) != nil || ms.of(json.RawMessage(`{}`)) != nil {
		t.Error("no settings are a mapping")
	}
	broken := ms.of(json.RawMessage(`{"mapping":{"summary":"later.version()"}}`))
	alerts, _, failed := readWebhook(Payload{Body: []byte(`{"summary":"Disk full"}`)}, Sender{Service: "db"}, broken)
	if len(alerts) != 1 || alerts[0].Summary != "Disk full" || len(failed) != 1 || !strings.Contains(alerts[0].Details, "The mapping of the key cannot be used, save it again: /settings/mapping/summary") {
		t.Errorf("got %+v, %v", alerts, failed)
	}
	for i := range maxMappings + 10 {
		ms.of(json.RawMessage(fmt.Sprintf(`{"mapping":{"summary":"%d"}}`, i)))
	}
	if len(ms.known) > maxMappings {
		t.Errorf("%d are kept", len(ms.known))
	}
}

// Expressions see as much of a text as an alert has room for, and regular expressions its beginning.
func TestExpressionsSeeTheBeginningOfLongTexts(t *testing.T) {
	body := `{"s":"` + strings.Repeat("ä", 40_000) + `needle"}`
	alerts, failed := mapped(t, `{"summary":"string(body.s.size()) + ' ' + string(body.s.matches('needle')) + ' ' + string(body.s.contains('needle'))"}`, body)
	if want := fmt.Sprint(maxShown/2, " false false"); alerts[0].Summary != want || len(failed) > 0 {
		t.Errorf("got %s, want %s (%v)", alerts[0].Summary, want, failed)
	}
	body = `{"s":"` + strings.Repeat("a", maxMatched-6) + `needle` + `thread"}`
	alerts, _ = mapped(t, `{"summary":"string(body.s.matches('needle')) + ' ' + string(body.s.matches('thread'))"}`, body)
	if alerts[0].Summary != "true false" {
		t.Errorf("got %s", alerts[0].Summary)
	}
}

// What is secret is not shown to expressions, which could put it into an alert.
func TestExpressionsSeeNoSecrets(t *testing.T) {
	alerts, _ := mapped(t, `{"details":"[headers, query]","summary":"'x'"}`, `{}`)
	if d := alerts[0].Details; strings.Contains(d, "sesame") || !strings.Contains(d, "dba") || !strings.Contains(d, "Pipeline Hook") {
		t.Errorf("details %s", d)
	}
}

// However bad an expression and a payload are for each other, they cost milliseconds and a few times the
// payload. The bounds are generous: other tests run on the same cores.
func TestHostileMappingsAreCheap(t *testing.T) {
	long := `"s":"` + strings.Repeat("a", 200<<10) + `"`
	list := `"l":[` + strings.Repeat("1,", 20_000) + `1]`
	texts := `"t":[` + strings.Repeat(`"aaaaaaaaaa",`, 4_000) + `"a"]`
	body := "{" + long + "," + list + "," + texts + "}"
	for _, expression := range []string{
		`body.s.replace("a", body.s)`,
		`body.s.replace("", body.s)`,
		strings.Repeat("body.s+", 45) + "body.s",
		`body.l.map(x, body.s + body.s)`,
		`body.l.map(x, body.s + "a")`,
		`body.l.map(x, body.l.map(y, [x, y]))`,
		`body.l.all(x, body.l.all(y, x == y))`,
		`body.l.all(x, !(body in [body, body, body]))`,
		`body.l.all(x, !(body.s in body.l))`,
		`body.l.all(x, body.l == body.l)`,
		`body.l.all(x, body.s.matches("(a?){28}b") || true)`,
		`body.l.all(x, regex.extract(body.s, "(?:a|aa)*b") == optional.none())`,
		`body.l.all(x, body.s.lowerAscii() != "")`,
		`body.l.all(x, body.s.split("aaaa").size() > 0 || true)`,
		`body.t.map(x, body.s).join(body.s)`,
		`body.l.map(x, body)`,
		`[body, body, body, body, body, body, body, body, body, body, body, body]`,
		`body.l.map(x, {"a": body})`,
		`{"a": body.l.map(x, string(x) + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")}`,
		`string(bytes(body.s)) + string(bytes(body.s))`,
		`body.l.all(x, timestamp("2026-01-01T00:00:00Z").getHours("Europe/Berlin") == 1)`,
	} {
		name := expression[:min(len(expression), 60)]
		for _, field := range []string{`"details"`, `"each"`} {
			whole, _ := json.Marshal(expression)
			m := `{` + field + `:` + string(whole) + `}`
			if field == `"each"` {
				m = `{"each":` + string(whole) + `,"details":"body","labels":"body","summary":"item"}`
			}
			if err := CheckSettings("webhook", json.RawMessage(`{"mapping":`+m+`}`)); err != nil {
				if field == `"details"` {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			begin, before := time.Now(), allocated()
			mapped(t, m, body)
			took, taken := time.Since(begin), allocated()-before
			t.Logf("%-60s %-9s %8s %6d KiB", name, field, took.Round(time.Millisecond), taken>>10)
			if took > 3*time.Second || taken > 100*uint64(len(body)) {
				t.Errorf("%s as %s: %s, %d times the body", name, field, took, taken/uint64(len(body)))
			}
		}
	}
}

// allocated is how many bytes have been allocated, those that are free again included.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// The steps of a request are enough for as many alerts as are taken, with all fields and patterns for each.
func TestAMappingOfManyAlerts(t *testing.T) {
	row := `{"name":"Queue number seven of the broker in Frankfurt grows","host":"mq-1.eu-central-1.example","id":123456,"level":"page","state":"bad","tags":["a","b"]},`
	body := []byte(`{"rows":[` + strings.Repeat(row, maxAlerts-1) + row[:len(row)-1] + `]}`)
	m, err := readMapping(json.RawMessage(`{"mapping":{"each":"body.rows.filter(r, r.state != 'ok')","summary":"item.name + ' on ' + item.host",
		"severity":"item.?level.orValue('error')","dedup_key":"'mq/' + string(item.id) + '/' + regex.extract(item.host, '^([a-z0-9-]+)').orValue('')",
		"action":"item.state == 'ok' ? 'resolve' : 'trigger'","details":"item","labels":"item.tags","links":"['https://mq.example/' + item.host]",
		"service":"item.name.matches('[Bb]roker|queue') ? 'mq' : 'other'"}}`))
	if err != nil {
		t.Fatal(err)
	}
	v, _, _ := decodeOrBeginning(body, true)
	u, done := m.applyTo(v, len(body), nil, nil)
	defer done()
	u.within = t.Context() // however slow this machine is
	items, err := u.items()
	if err != nil || len(items) != maxAlerts {
		t.Fatalf("%d items, %v", len(items), err)
	}
	for i, item := range items {
		given, failed := u.given(item)
		if len(failed) > 0 || given["dedup_key"] != "mq/123456/mq-1" || given["service"] != "mq" {
			t.Fatalf("alert %d: %v, %v, %d steps left", i, given, failed, u.steps)
		}
	}
	t.Logf("%d steps and %d bytes left", u.steps, u.results)
}
