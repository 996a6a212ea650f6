package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestWhichKeysOfOtherSystemsAreTaken(t *testing.T) {
	for key, taken := range map[string]bool{
		"R0123456789ABCDEFGHIJKLMNOPQRSTU":     true, // PagerDuty's
		"b7f1d0c2-5e1d-4a4e-9d0f-6a3c1e9b2f77": true, // Opsgenie's
		"0123456789abcdef":                     true,
		"0123456789abcde":                      false,
		strings.Repeat("k", maxForeign):        true,
		strings.Repeat("k", maxForeign+1):      false,
		"!#$%&'()*+,-./:;<=>?@[]^_`{|}~":       true,
		"0123456789abcdef ":                    false,
		"0123456789\tabcdef":                   false,
		"0123456789abcdéf":                     false,
		"0123456789abcdef\x00":                 false,
		"\ufeff0123456789abcdef":               false, // as some editors begin a file
		"0123456789abcdef\xff":                 false,
	} {
		if problem := foreign(key); (problem == "") != taken {
			t.Errorf("%q: %q", key, problem)
		} else if len(key) > 8 && strings.Contains(problem, key[:8]) {
			t.Errorf("%q is shown: %s", key, problem)
		}
	}
}

func TestWhatSendersMaySignWith(t *testing.T) {
	for text, taken := range map[string]bool{
		"12345678":                           true,
		"1234567":                            false,
		"with spaces, ümlauts\tand a tab":    true,
		" 12345678":                          false,
		"12345678\r\n":                       false,
		"1234\x005678":                       false,
		"1234567\xff8":                       false,
		strings.Repeat("s", maxSecret):       true,
		strings.Repeat("s", maxSecret) + ".": false,
	} {
		if problem := secret(text); (problem == "") != taken {
			t.Errorf("%q: %q", text, problem)
		}
	}
}

// hostile are settings at the edge of what Postgres takes as JSON.
var hostile = []string{``, `{}`, `null`, `[]`, `1`, `"x"`, `{"a": 1}`, `{"a": 1} x`, `{"a": 1, "a": 2}`, `{"a": "\u0000"}`, `{"\u0000": 1}`, `{"a": "\ud800"}`,
	`{"a": ["\udc00\ud800"]}`, "{\"a\": \"\xff\"}", "{\"a\": \"\xed\xa0\x80\"}", `{"a": 1e300}`, `{"a": 1e-300}`, `{"a": 1e301}`, `{"a": -1E+99999999999999999999}`, `{"a": 0e0}`, `{"a": -0.0}`,
	`{"a": 0.` + strings.Repeat("1", 16000) + `}`, `{"a": ` + strings.Repeat("9", 16000) + `}`, `{"a": "` + strings.Repeat("<", 16000) + `"}`, `{"a": ` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
	`{"a": ` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, `{"a": ` + strings.Repeat("[", 5000), `{"a": true, "b": null, "c": {"d": [1.50]}}`, "\ufeff{}", ` {"a":1} `}

func TestSettingsThatAreTakenCanBeStored(t *testing.T) {
	db := dbtest.New(t)
	store := enginedb.New(db)
	taken := 0
	for _, text := range hostile {
		read, problem := settings(json.RawMessage(text))
		if problem != "" {
			continue
		}
		taken++
		text, k, err := store.CreateKey(t.Context(), enginedb.Key{Name: "x", Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Settings: read})
		if err != nil {
			t.Errorf("%.80s passed, and: %v", read, err)
			continue
		}
		again, err := store.KeyByHash(context.Background(), enginedb.HashKey(text))
		if err != nil || !json.Valid(again.Settings) || len(again.Settings) != len(k.Settings) {
			t.Errorf("%.80s is read as %.80s, %v", read, again.Settings, err)
		}
	}
	if taken < 12 || taken > len(hostile)-12 {
		t.Errorf("%d of %d were taken", taken, len(hostile))
	}
}

// FuzzSettings: whatever an operator's file holds, what is taken of it is an object of bounded size, without what
// jsonb does not take, and is taken again as it is.
func FuzzSettings(f *testing.F) {
	for _, text := range hostile {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, problem := settings(text)
		if problem != "" || read == nil {
			if read != nil {
				t.Errorf("%q, and yet %s", problem, read)
			}
			return
		}
		var fields map[string]any
		if err := json.Unmarshal(read, &fields); err != nil || len(fields) == 0 || len(read) > 6*maxSettings {
			t.Errorf("read as %d bytes, %.80v", len(read), err)
		}
		if bytes.Contains(read, []byte(`\u0000`)) && !bytes.Contains(read, []byte(`\\u0000`)) {
			t.Errorf("NUL passed: %s", read)
		}
		if again, problem := settings(read); len(read) <= maxSettings && (problem != "" || !bytes.Equal(again, read)) {
			t.Errorf("%s is read again as %s, %s", read, again, problem)
		}
	})
}
