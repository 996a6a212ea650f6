package match

import (
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"rouse/engine"
)

// activation answers an expression what it asks of the facts.
type activation struct{ values map[string]any }

func newActivation(f *engine.Facts) *activation {
	return &activation{map[string]any{
		"service":  types.String(f.Service),
		"team":     types.String(f.Team),
		"severity": types.Int(f.Severity),
		"word":     types.String(f.Word),
		"summary":  types.String(f.Summary),
		"details":  types.String(f.Details),
		"source":   types.String(f.Source),
		"key":      types.String(f.DedupKey),
		"labels":   newLabels(f.Labels),
		"now":      types.Timestamp{Time: f.Now},
	}}
}

func (a *activation) Parent() interpreter.Activation { return nil }

func (a *activation) ResolveName(name string) (any, bool) {
	v, ok := a.values[name]
	return v, ok
}

// labels is a map in which what is missing is "": a rule that names a label is not to fail for every alert
// that has none. `in` tells the difference; has() could not, and is not known.
type labels struct {
	traits.Mapper
	of map[string]string
}

func newLabels(of map[string]string) labels {
	return labels{types.NewStringStringMap(types.DefaultTypeAdapter, of), of}
}

func (l labels) Get(key ref.Val) ref.Val {
	v, _ := l.Find(key)
	return v
}

func (l labels) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return types.String(""), true
	}
	return types.String(l.of[string(name)]), true
}

func (l labels) Contains(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	if !ok {
		return types.False
	}
	_, there := l.of[string(name)]
	return types.Bool(there)
}
