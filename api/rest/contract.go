package rest

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"slices"
	"sync"
)

// A contract is what openapi.yaml demands of requests, in a form that is quickly read: a request is
// checked against it before a handler sees it. TestContract keeps it equal to the document, and fails
// if that uses a keyword which is not looked at here.
//
// This takes the place of kin-openapi, which says the same (TestContractAgreesWithKin) but would cost
// every start of the program 5 ms and 4.4 MiB, and the first request 30 ms and 3 MiB more.
type contract struct {
	Operations map[string]*operation // by method and path, "GET /v1/people/{handle}"
	Schemas    map[string]*schema
}

type operation struct {
	ID     string  `json:"id"`
	Scope  string  `json:"scope"`
	Params []param `json:"params,omitempty"`
	Body   *body   `json:"body,omitempty"`
}

// takes reports whether there is a parameter of a name.
func (op *operation) takes(name string) bool {
	return slices.ContainsFunc(op.Params, func(p param) bool { return p.Name == name })
}

type param struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Required bool    `json:"required,omitempty"`
	Schema   *schema `json:"schema"`
}

type body struct {
	Required bool    `json:"required,omitempty"`
	Max      int     `json:"max,omitempty"` // bytes; 0: as many as usual
	Schema   *schema `json:"schema"`
}

// schema is the part of OpenAPI's schema object that the document makes use of.
type schema struct {
	Ref        string             `json:"ref,omitempty"` // the name of another; nothing else is set then
	AllOf      []*schema          `json:"all_of,omitempty"`
	Type       string             `json:"type,omitempty"`
	Format     string             `json:"format,omitempty"` // date-time; others are not looked at
	Enum       []string           `json:"enum,omitempty"`
	Pattern    string             `json:"pattern,omitempty"`
	Must       string             `json:"must,omitempty"` // what the pattern means, in words
	MinLength  int                `json:"min_length,omitempty"`
	MaxLength  *int               `json:"max_length,omitempty"`
	Minimum    *int64             `json:"minimum,omitempty"`
	Maximum    *int64             `json:"maximum,omitempty"`
	MinItems   int                `json:"min_items,omitempty"`
	MaxItems   *int               `json:"max_items,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Open       bool               `json:"open,omitempty"` // takes properties that are not listed
	ReadOnly   bool               `json:"read_only,omitempty"`

	matches *regexp.Regexp // Pattern
}

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../openapi.yaml
//go:generate go test -run TestContract$ -update

//go:embed contract.json
var contractJSON []byte

// theContract is read when the first request comes, not when the program starts.
var theContract = sync.OnceValue(func() *contract {
	var c contract
	if err := json.Unmarshal(contractJSON, &c); err != nil {
		panic(err) // generated, and read by every test
	}
	for _, s := range c.Schemas {
		s.compile()
	}
	for _, op := range c.Operations {
		for _, p := range op.Params {
			p.Schema.compile()
		}
	}
	return &c
})

func (s *schema) compile() {
	if s.Pattern != "" {
		s.matches = regexp.MustCompile(s.Pattern)
	}
	if s.Items != nil {
		s.Items.compile()
	}
	for _, part := range s.AllOf {
		part.compile()
	}
	for _, p := range s.Properties {
		p.compile()
	}
}
