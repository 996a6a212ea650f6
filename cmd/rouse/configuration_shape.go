package main

import (
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"rouse/api"
)

// shape is what a part of the configuration looks like: which fields there are, in which order people read
// them, and what they hold. A phone number is a text by it, where YAML alone takes +4915112345678 for a number.
type shape struct {
	kind   string            // "object", "array", "string", "integer" or "boolean"
	names  []string          // of the fields, in order
	fields map[string]*shape // nil for one that the server gives, and nobody sends
	items  *shape
}

// configurationShape is taken from openapi.yaml, so that it cannot say anything else.
var configurationShape = sync.OnceValue(func() *shape {
	var doc yaml.Node
	if err := yaml.Unmarshal(api.Document(), &doc); err != nil {
		panic(err) // embedded, and read by every test
	}
	schemas := under(under(doc.Content[0], "components"), "schemas")
	return shapeOf(schemas, under(schemas, "Configuration"))
})

func shapeOf(schemas, schema *yaml.Node) *shape {
	for {
		ref := under(schema, "$ref")
		if parts := under(schema, "allOf"); parts != nil { // of one, beside a description
			ref = under(parts.Content[0], "$ref")
		}
		if ref == nil {
			break
		}
		schema = under(schemas, strings.TrimPrefix(ref.Value, "#/components/schemas/"))
	}
	s := &shape{kind: under(schema, "type").Value, fields: map[string]*shape{}}
	if items := under(schema, "items"); items != nil {
		s.items = shapeOf(schemas, items)
	}
	if properties := under(schema, "properties"); properties != nil {
		for i := 0; i < len(properties.Content); i += 2 {
			s.add(schemas, properties.Content[i].Value, properties.Content[i+1])
		}
	}
	return s
}

func (s *shape) add(schemas *yaml.Node, name string, property *yaml.Node) {
	if given := under(property, "readOnly"); given != nil && given.Value == "true" {
		s.fields[name] = nil
		return
	}
	s.names = append(s.names, name)
	s.fields[name] = shapeOf(schemas, property)
}

// under is the value of a key of a mapping, nil if there is none.
func under(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// sorted are the fields of an object: those that are known in their order, then others, of a newer server.
func (s *shape) sorted(object map[string]any) (names []string) {
	var others []string
	for name := range object {
		if s == nil || !slices.Contains(s.names, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if s != nil {
		names = slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { _, there := object[name]; return !there })
	}
	return append(names, others...)
}

// of is the shape of a field, nil if nothing is known of it.
func (s *shape) of(name string) *shape {
	if s == nil {
		return nil
	}
	return s.fields[name]
}

func (s *shape) element() *shape {
	if s == nil {
		return nil
	}
	return s.items
}
