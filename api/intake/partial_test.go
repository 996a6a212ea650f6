package intake

import (
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// What stands before the cut is read; what is cut through is not, but for the beginning of a text.
func TestBeginning(t *testing.T) {
	type object = map[string]any
	n := func(s string) json.Number { return json.Number(s) }
	for _, tt := range []struct {
		name, text string
		want       any
		where      string
	}{
		{"nothing", ``, nil, ""},
		{"no JSON at all", `summary=x`, nil, ""},
		{"all of it", `{"a":1,"b":[true,null,"x"]}`, object{"a": n("1"), "b": []any{true, nil, "x"}}, ""},
		{"between members", `{"a":"x",`, object{"a": "x"}, "a"},
		{"in a name", `{"a":"x","b`, object{"a": "x"}, "a"},
		{"behind a name", `{"a":"x","b":`, object{"a": "x"}, "b"},
		{"in a text", `{"a":"x","b":"disk fu`, object{"a": "x", "b": "disk fu…"}, "b"},
		{"in a text with quotes", `{"a":"say \"hi`, object{"a": `say "hi…`}, "a"},
		{"in an escape", `{"a":"x\u00`, object{"a": `x\u00…`}, "a"},
		{"behind a backslash", `{"a":"x\`, object{"a": `x\…`}, "a"},
		{"in a rune", "{\"a\":\"x\xc3", object{"a": "x\uFFFD…"}, "a"},
		{"behind a text", `{"a":"x"`, object{"a": "x"}, "a"},
		{"in a number", `{"a":"x","b":12`, object{"a": "x"}, "b"},
		{"behind a number", `{"a":12,`, object{"a": n("12")}, "a"},
		{"in a word", `{"a":tru`, object{}, "a"},
		{"in a member of a member", `{"a":{"b":{"c":"x","d":"y`, object{"a": object{"b": object{"c": "x", "d": "y…"}}}, "a.b.d"},
		{"in a list", `{"a":["x","y`, object{"a": []any{"x", "y…"}}, "a[]"},
		{"in an object of a list", `[{"a":1},{"a":2,"b`, []any{object{"a": n("1")}, object{"a": n("2")}}, "[].a"},
		{"in a text alone", `"disk full on d`, "disk full on d…", ""},
		{"a number alone", `42`, nil, ""},
		{"a quote that is not escaped", `{"a":"x","b":"say "hi"","c":"y"}`, object{"a": "x", "b": "say "}, "b"},
		{"two values", `{"a":"x"} {"a":"y"}`, object{"a": "x"}, ""},
		{"a wrong bracket", `{"a":{"b":"x"],"c":"y"}`, object{"a": object{"b": "x"}}, "a.b"},
		{"what scripts get wrong", "\uFEFF{\"a\":\"x\ny\",\"b\":[1,],}", object{"a": "x\ny", "b": []any{n("1")}}, ""},
		{"too deep at one place", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"b":"x"}`,
			object{"a": nested(31), "b": "x"}, "a" + strings.Repeat("[]", 31)},
		{"far too deep at one place", `{"a":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `,"b":"x"}`,
			object{"a": nested(31)}, "a" + strings.Repeat("[]", 31)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, where := readBeginning([]byte(tt.text))
			if !reflect.DeepEqual(got, tt.want) || where != tt.where {
				t.Errorf("got  %#v, %q\nwant %#v, %q", got, where, tt.want, tt.where)
			}
		})
	}
}

// nested is an empty list in so many lists.
func nested(depth int) any {
	list := []any{}
	for range depth - 1 {
		list = []any{list}
	}
	return list
}

func TestDecodeOrBeginning(t *testing.T) {
	const good = `{"a":"x",}`
	long := `{"a":"x","b":"` + strings.Repeat("y", maxBody)
	for _, tt := range []struct {
		name, text string
		whole      bool
		want       any
		proper     string
		note       string
	}{
		{"all is well", good, true, map[string]any{"a": "x"}, `{"a":"x"}`, ""},
		{"cut off", long[:maxBody], false, map[string]any{"a": "x", "b": long[14:maxBody] + "…"}, "",
			"Not all of the request was read. It is longer than 512 KiB. What is missing stood in or behind b."},
		{"not JSON", `{"a":"x","b":y}`, true, map[string]any{"a": "x"}, "",
			"Not all of the request was read. It is not JSON: line 1, column 14: invalid character 'y' looking for beginning of value. " +
				"What is missing stood in or behind b."},
		{"nothing can be read", `a=x`, true, nil, "",
			"Not all of the request was read. It is not JSON: line 1, column 1: invalid character 'a' looking for beginning of value."},
		{"too deep", `{"b":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `,"a":"x"}`, true, map[string]any{"a": "x", "b": nested(31)}, "",
			"Not all of the request was read. It is nested deeper than 32. What is missing stood in or behind b" + strings.Repeat("[]", 31) + "."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, proper, odd := decodeOrBeginning([]byte(tt.text), tt.whole)
			if !reflect.DeepEqual(got, tt.want) || string(proper) != tt.proper || odd.note() != tt.note {
				t.Errorf("got  %.200v, %q, %q\nwant %.200v, %q, %q", got, proper, odd.note(), tt.want, tt.proper, tt.note)
			}
			if (odd == nil) != (tt.note == "") {
				t.Errorf("odd is %v", odd)
			}
		})
	}
}

// Of a request that is made of very many values some are left out, not those at its top.
func TestVeryManyValues(t *testing.T) {
	small := `{"a":"x","payload":{"many":[` + strings.Repeat(`{"a":1},`, 40_000) + strings.Repeat("1,", 40_000) + `{}],"severity":"critical"},"z":"y"}`
	v, _, odd := decodeOrBeginning([]byte(small), true)
	if odd == nil || !errors.Is(odd.why, errTooMany) || odd.where != "payload.many[]" {
		t.Fatalf("odd: %+v", odd)
	}
	top := v.(map[string]any)
	payload := top["payload"].(map[string]any)
	if top["z"] != "y" || payload["severity"] != "critical" {
		t.Errorf("what stands behind is lost: %v, %v", top["z"], payload["severity"])
	}
	if many := len(payload["many"].([]any)); many < 1000 || many >= 40_000 {
		t.Errorf("%d of 80,000 were read", many)
	}
	if want := "It is made of more values than are read."; !strings.Contains(odd.note(), want) {
		t.Errorf("note %q", odd.note())
	}
}

// hostile are bodies of the greatest length that make many values, or much text, of few bytes.
func hostile() map[string]string {
	fill := func(head, element, tail string) string {
		return head + strings.Repeat(element, (maxBody-len(head)-len(tail))/len(element)) + tail
	}
	return map[string]string{
		"ones":             fill(`[`, `1,`, `1]`),
		"ones in a member": fill(`{"payload":{"custom_details":[`, `1,`, `1]}}`),
		"objects":          fill(`[`, `{},`, `{}]`),
		"objects of one":   fill(`{"payload":{"custom_details":[`, `{"":1},`, `{}]}}`),
		"lists":            fill(`[`, `[],`, `[]]`),
		"open brackets":    fill(``, `[`, ``),
		"open objects":     fill(``, `{"":`, ``),
		"steps":            fill(``, `{"":[`, ``),
		"control":          fill(`"`, "\x01", `"`),
		"backslashes":      fill(`"`, `\d`, `"`),
		"commas":           fill(`[`, `, `, `]`),
		"quotes":           fill(``, `"`, ``),
		"digits":           fill(`{"a":`, `9`, `}`),
		"no UTF-8":         fill(`"`, "\xff", `"`),
		"one text":         fill(`{"payload":{"summary":"`, `x`, `"}}`),
		"pairs":            fill(`{"payload":{"custom_details":[`, `{"name":"a","value":"b"},`, `{}]}}`),
	}
}

// What a body is made into takes little memory beside it, however it is made.
func TestBeginningTakesLittleMemory(t *testing.T) {
	for name, body := range hostile() {
		for _, whole := range []bool{true, false} {
			text := []byte(body)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			v, proper, _ := decodeOrBeginning(text, whole)
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(text))
			t.Logf("%s, whole %v: keeps %.1f times its length, %.1f in passing", name, whole, kept, float64(after.TotalAlloc-before.TotalAlloc)/float64(len(text)))
			if kept > 12 {
				t.Errorf("%s, whole %v: keeps %.1f times its length", name, whole, kept)
			}
			runtime.KeepAlive(v)
			runtime.KeepAlive(proper)
			runtime.KeepAlive(text)
		}
	}
}

func FuzzBeginning(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":[1,"x`, "[[[[{", `{"a":"\u12`, `{"a":1,"a":tru`, "\"a\nb", `{"a":[{"b":1},{"b"`, `[]]`, `{"a" "b"`} {
		f.Add([]byte(seed), len(seed)/2)
	}
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		v, _ := readBeginning(text)
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%q: %v is no JSON: %v", text, v, err)
		}
		proper, _, err := decode(text)
		if err != nil {
			return
		}
		if _, number := proper.(json.Number); !number && weigh(text) < allowance(len(text)) && !reflect.DeepEqual(v, proper) {
			t.Errorf("%q reads as %#v from its beginning, as %#v otherwise", text, v, proper)
		}
		readBeginning(text[:max(0, min(at, len(text)))])
	})
}

// What scripts forget to escape stays what it was, as far as a text can have it.
func TestControlCharacters(t *testing.T) {
	v, proper, err := decode([]byte("\"a\nb\tc\rd\x1b[31me\x00\""))
	if v != "a\nb\tc\rd [31me " || err != nil {
		t.Errorf("%q, %s, %v", v, proper, err)
	}
}
