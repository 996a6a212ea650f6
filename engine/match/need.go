package match

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"rouse/engine"
)

// need is something that must be equal for an expression to be true: a test of it costs a hundredth of the
// expression, and keeps most rules of a long list from being asked at all.
type need struct {
	field, label string // of the facts; label: the name, if it is one
	value        string
}

func (n need) met(f *engine.Facts) bool {
	switch n.field {
	case "labels":
		return f.Labels[n.label] == n.value
	case "service":
		return string(f.Service) == n.value
	case "team":
		return string(f.Team) == n.value
	case "source":
		return f.Source == n.value
	}
	return true
}

// needsOf are the equations that stand side by side in an expression: a && b is false if one of the two is,
// whatever becomes of the other.
func needsOf(e ast.Expr) (needs []need) {
	if e.Kind() != ast.CallKind {
		return nil
	}
	call := e.AsCall()
	switch args := call.Args(); call.FunctionName() {
	case operators.LogicalAnd:
		for _, arg := range args {
			needs = append(needs, needsOf(arg)...)
		}
	case operators.Equals:
		for i, arg := range args {
			value, isText := text(args[1-i])
			if n, ok := fieldOf(arg); ok && isText {
				n.value = value
				return []need{n}
			}
		}
	}
	return needs
}

// fieldOf reads service, team, source, labels.name and labels["name"].
func fieldOf(e ast.Expr) (need, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		return need{field: name}, name == "service" || name == "team" || name == "source"
	case ast.SelectKind:
		s := e.AsSelect()
		return need{field: "labels", label: s.FieldName()}, isLabels(s.Operand()) && !s.IsTestOnly()
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index {
			return need{}, false
		}
		name, isText := text(call.Args()[1])
		return need{field: "labels", label: name}, isText && isLabels(call.Args()[0])
	}
	return need{}, false
}

func isLabels(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == "labels" }

func text(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().Value().(string)
	return s, ok
}

// loops tells whether an expression goes through a list or a map.
func loops(e ast.Expr) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { found = found || e.Kind() == ast.ComprehensionKind }))
	return found
}
