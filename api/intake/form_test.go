package intake

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestForms(t *testing.T) {
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	for _, tt := range []struct {
		name, kind, body string
		want             form
		odd              string
	}{
		{"pairs", "application/x-www-form-urlencoded", "a=1&b=x+y%21&a=2&=3&c", form{"a": {"1", "2"}, "b": {"x y!"}, "c": {""}}, ""},
		{"escaped wrongly", "", "a=50%&b%zz=1", form{"a": {"50%"}, "b%zz": {"1"}}, ""},
		{"parts", "multipart/form-data; boundary=b", part("a", "1\r\n2") + "--b--\r\n", form{"a": {"1\r\n2"}}, ""},
		{"parts that do not say so", "text/plain", part("a", "1") + part("a", "2") + "--b--\r\n", form{"a": {"1", "2"}}, ""},
		{"parts that break off", "multipart/form-data; boundary=b", part("a", "1") + "--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nhalf of",
			form{"a": {"1"}, "b": {"half of"}}, "a form that breaks off. What is missing stood in or behind b."},
		{"JSON that calls itself a form", "application/x-www-form-urlencoded", ` {"a":"b=c"}`, nil, ""},
		{"neither", "", "down", nil, "not JSON"},
	} {
		_, got, odd := payload(tt.kind, []byte(tt.body), true)
		if !reflect.DeepEqual(got, tt.want) || !strings.Contains(odd.note(), tt.odd) || (odd == nil) != (tt.odd == "") {
			t.Errorf("%s: %q, %q", tt.name, got, odd.note())
		}
	}
}

// A form costs little, however many values it has.
func TestFormsAreReadUpToALimit(t *testing.T) {
	var pairs, parts strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&pairs, "f%d=1&", i)
		fmt.Fprintf(&parts, "--b\r\nContent-Disposition: form-data; name=f%d\r\n\r\n1\r\n", i)
	}
	for kind, body := range map[string]string{"": pairs.String(), "multipart/form-data; boundary=b": parts.String()} {
		_, got, _ := payload(kind, []byte(body), true)
		if len(got) != maxFormFields || got["f199"] == nil {
			t.Errorf("%q: %d values", kind, len(got))
		}
	}
}

func TestKeysAreNotKept(t *testing.T) {
	f := readPairs("token=a&summary=x&key=b&apiKey=c&api_key=d&integrationKey=e&keys=f")
	if got := string(f.withoutKeys()); got != "keys=f&summary=x" || len(f.keys()) != 5 {
		t.Errorf("%s, %q", got, f.keys())
	}
}
