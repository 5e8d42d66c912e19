package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

type object = map[string]any

// document writes the OpenAPI 3.1 description of the routes.
func document(routes []*route, o Options) []byte {
	s := newSchemas()
	problem := object{"application/problem+json": object{"schema": s.of(typeOf[Problem]())}}
	paths := object{}
	for _, rt := range routes {
		p, _ := paths[rt.path].(object)
		if p == nil {
			p = object{}
			paths[rt.path] = p
		}
		p[strings.ToLower(rt.method)] = operation(rt, s, problem)
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Postern", "version": orElse(o.Version, "dev"),
			"description": "Issues made from mail. Lists are newest first, unless said otherwise, in pieces: pass next as after until it is null. Times are RFC 3339 in UTC.",
		},
		"servers": []object{{"url": orElse(strings.TrimSuffix(o.PublicURL, "/"), "/")}},
		"paths":   paths,
		"components": object{
			"schemas": s.named,
			"securitySchemes": object{"token": object{
				"type": "http", "scheme": "bearer",
				"description": "A token from POST /api/v1/tokens or `postern keys token`. The scope admin includes the others: " + strings.Join(Scopes(), ", ") +
					". While there is no token at all, requests from this machine itself need none.",
			}},
		},
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil { // maps, lists and strings: cannot fail
		panic(err)
	}
	return append(b, '\n')
}

func operation(rt *route, s *schemas, problem object) object {
	op := object{"operationId": rt.name, "summary": rt.does}
	if ps := parameters(rt); len(ps) > 0 {
		op["parameters"] = ps
	}
	if rt.body != nil {
		op["requestBody"] = object{"required": true, "content": s.content(*rt.body)}
	}
	answers := object{"default": object{"description": "a problem", "content": problem}}
	for _, a := range rt.answers {
		r := object{"description": a.means}
		if a.media != "" {
			r["content"] = s.content(a.content)
		}
		answers[strconv.Itoa(a.status)] = r
	}
	faults := rt.faults
	if !rt.open() {
		faults = append([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable}, faults...)
	}
	for _, status := range faults {
		answers[strconv.Itoa(status)] = object{"description": http.StatusText(status), "content": problem}
	}
	op["responses"] = answers
	op["security"] = security(rt)
	return op
}

// security lists the scopes of which any one will do.
func security(rt *route) []object {
	if rt.open() {
		return []object{}
	}
	var any []object
	for _, scope := range rt.scopes {
		any = append(any, object{"token": []string{scope}})
	}
	return any
}

func parameters(rt *route) []object {
	var out []object
	for _, name := range rt.pathParams() {
		schema := object{"type": "string"}
		switch name {
		case "number":
			schema = object{"type": "integer", "minimum": 1}
		case "sha256":
			schema["pattern"] = "^[0-9a-f]{64}$"
		}
		out = append(out, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	for _, p := range rt.query {
		var schema object
		switch p.kind {
		case number:
			schema = object{"type": "integer", "minimum": 1, "maximum": p.max}
		case instant:
			schema = object{"type": "string", "description": "RFC 3339, or a date"}
		case flag:
			schema = object{"type": "boolean"}
		default:
			schema = object{"type": "string", "maxLength": p.max}
			if p.one != nil {
				schema["enum"] = p.one
			}
		}
		out = append(out, object{"name": p.name, "in": "query", "required": p.required, "description": p.means, "schema": schema})
	}
	return out
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// document answers with JSON that is ready.
func (c *call) document(b []byte) error { return c.json(http.StatusOK, json.RawMessage(b)) }
