package mongo

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/issue"
)

// nouns is shared by all stores: what it learns of a type it learns once. Nothing changes it.
var nouns = registry()

// registry says how the nouns become documents where their JSON names alone do not: raw JSON is kept as text, byte for
// byte; a map is a list of pairs, since its keys are strangers' and may hold dots and dollars; an attachment is flat.
func registry() *bson.Registry {
	r := bson.NewRegistry()
	register(r, func(raw json.RawMessage) string { return string(raw) }, func(s string) json.RawMessage {
		if s == "" {
			return nil
		}
		return json.RawMessage(s)
	})
	register(r, toPairs, fromPairs)
	register(r, toFile, fromFile)
	return r
}

// marshal encodes as the client does.
func marshal(doc any) (bson.Raw, error) {
	var buf bytes.Buffer
	enc := bson.NewEncoder(bson.NewDocumentWriter(&buf))
	enc.SetRegistry(nouns)
	enc.UseJSONStructTags()
	enc.NilSliceAsEmpty()
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// register makes the registry write each T as a D and read it back.
func register[T, D any](r *bson.Registry, to func(T) D, from func(D) T) {
	t, d := reflect.TypeFor[T](), reflect.TypeFor[D]()
	r.RegisterTypeEncoder(t, bson.ValueEncoderFunc(func(ec bson.EncodeContext, vw bson.ValueWriter, v reflect.Value) error {
		enc, err := ec.LookupEncoder(d)
		if err != nil {
			return err
		}
		return enc.EncodeValue(ec, vw, reflect.ValueOf(to(v.Interface().(T))))
	}))
	r.RegisterTypeDecoder(t, bson.ValueDecoderFunc(func(dc bson.DecodeContext, vr bson.ValueReader, v reflect.Value) error {
		dec, err := dc.LookupDecoder(d)
		if err != nil {
			return err
		}
		doc := reflect.New(d).Elem()
		if err := dec.DecodeValue(dc, vr, doc); err != nil {
			return err
		}
		v.Set(reflect.ValueOf(from(doc.Interface().(D))))
		return nil
	}))
}

// A pair is one entry of a map.
type pair struct {
	Name  string `bson:"name"`
	Value string `bson:"value"`
}

func toPairs(m map[string]string) []pair {
	out := make([]pair, 0, len(m))
	for k, v := range m {
		out = append(out, pair{k, v})
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func fromPairs(list []pair) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		m[p.Name] = p.Value
	}
	return m
}

// An attachment is written by hand: a struct's field that is named "inline" would be taken for the driver's word.
func toFile(a issue.Attachment) bson.D {
	d := bson.D{
		{Key: "sha256", Value: a.SHA256}, {Key: "size", Value: a.Size}, {Key: "name", Value: a.Name},
		{Key: "type", Value: a.Type}, {Key: "inline", Value: a.Inline},
	}
	if a.ContentID != "" {
		d = append(d, bson.E{Key: "contentId", Value: a.ContentID})
	}
	return d
}

func fromFile(d bson.D) issue.Attachment {
	var a issue.Attachment
	for _, e := range d {
		switch v := e.Value.(type) {
		case string:
			switch e.Key {
			case "sha256":
				a.SHA256 = v
			case "name":
				a.Name = v
			case "type":
				a.Type = v
			case "contentId":
				a.ContentID = v
			}
		case int64:
			a.Size = v
		case int32:
			a.Size = int64(v)
		case bool:
			a.Inline = v
		}
	}
	return a
}
