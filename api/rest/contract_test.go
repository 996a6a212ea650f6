package rest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var update = flag.Bool("update", false, "write contract.json from openapi.yaml")

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIDocumentIsValid(t *testing.T) {
	if err := document(t).Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

func TestContract(t *testing.T) {
	want, err := json.MarshalIndent(contractOf(t, document(t)), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("contract.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(contractJSON, want) {
		t.Error("contract.json is not what openapi.yaml says: go generate ./api/rest")
	}
}

// contractOf reads from the document what requests have to obey.
func contractOf(t *testing.T, doc *openapi3.T) contract {
	c := contract{Operations: map[string]*operation{}, Schemas: map[string]*schema{}}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			if slices.Contains(o.Tags, "intake") { // has its own reader: an alert is not refused for its form
				continue
			}
			scope, _ := o.Extensions["x-rouse-scope"].(string)
			op := &operation{ID: o.OperationID, Scope: scope}
			for _, p := range slices.Concat(item.Parameters, o.Parameters) {
				op.Params = append(op.Params, param{p.Value.Name, p.Value.In, p.Value.Required, reader{t, c.Schemas}.schema(p.Value.Schema)})
			}
			if o.RequestBody != nil {
				b := o.RequestBody.Value
				largest, _ := o.Extensions["x-rouse-max-body"].(float64)
				op.Body = &body{b.Required, int(largest), reader{t, c.Schemas}.schema(b.Content["application/json"].Schema)}
			}
			c.Operations[method+" "+path] = op
		}
	}
	return c
}

type reader struct {
	t       *testing.T
	schemas map[string]*schema
}

// schema reads one, and those that it refers to.
func (r reader) schema(ref *openapi3.SchemaRef) *schema {
	if ref == nil {
		return nil
	}
	if ref.Ref == "" {
		return r.inline(ref.Value)
	}
	name := strings.TrimPrefix(ref.Ref, "#/components/schemas/")
	if _, ok := r.schemas[name]; !ok {
		r.schemas[name] = nil // under way
		r.schemas[name] = r.inline(ref.Value)
	}
	return &schema{Ref: name}
}

func (r reader) inline(v *openapi3.Schema) *schema {
	r.onlyKnown(v)
	s := &schema{Pattern: v.Pattern, MinLength: int(v.MinLength), MinItems: int(v.MinItems), Required: v.Required,
		ReadOnly: v.ReadOnly, Items: r.schema(v.Items)}
	if v.Type != nil {
		s.Type = v.Type.Slice()[0]
	}
	if v.Format == "date-time" {
		s.Format = v.Format
	}
	s.Must, _ = v.Extensions["x-rouse-must"].(string)
	s.MaxLength, s.MaxItems = small(v.MaxLength), small(v.MaxItems)
	s.Minimum, s.Maximum = whole(v.Min), whole(v.Max)
	for _, e := range v.Enum {
		s.Enum = append(s.Enum, e.(string))
	}
	for _, part := range v.AllOf {
		s.AllOf = append(s.AllOf, r.schema(part))
	}
	for name, p := range v.Properties {
		if s.Properties == nil {
			s.Properties = map[string]*schema{}
		}
		s.Properties[name] = r.schema(p)
	}
	s.Open = s.Type == "object" && (v.AdditionalProperties.Has == nil || *v.AdditionalProperties.Has)
	return s
}

func small(n *uint64) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func whole(n *float64) *int64 {
	if n == nil {
		return nil
	}
	return new(int64(*n))
}

// onlyKnown fails if a schema that requests are held against uses a keyword which check.go ignores.
func (r reader) onlyKnown(v *openapi3.Schema) {
	text, err := json.Marshal(v)
	if err != nil {
		r.t.Fatal(err)
	}
	var keywords map[string]json.RawMessage
	if err := json.Unmarshal(text, &keywords); err != nil {
		r.t.Fatal(err)
	}
	known := []string{"type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
		"items", "properties", "required", "additionalProperties", "readOnly", "allOf", "description", "example", "default"}
	for k := range keywords {
		if !slices.Contains(known, k) && !strings.HasPrefix(k, "x-") {
			r.t.Errorf("%s: keyword %s is not looked at by check.go", shortened(string(text)), k)
		}
	}
}

func TestEveryOperationOfTheDocumentNamesItsScope(t *testing.T) {
	for name, op := range theContract().Operations {
		if !slices.Contains([]string{"read", "respond", "admin", "owner", "member", "self"}, op.Scope) {
			t.Errorf("%s has x-rouse-scope %q", name, op.Scope)
		}
		if strings.HasPrefix(name, "GET ") && op.Scope == "respond" {
			t.Errorf("%s only reads, and asks for %s", name, op.Scope)
		}
	}
}

func BenchmarkReadingTheContract(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var c contract
		if err := json.Unmarshal(contractJSON, &c); err != nil {
			b.Fatal(err)
		}
		for _, s := range c.Schemas {
			s.compile()
		}
	}
	b.ReportMetric(float64(len(contractJSON)), "bytes")
}
