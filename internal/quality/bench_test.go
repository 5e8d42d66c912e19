package main

import (
	"fmt"
	"testing"
)

func BenchmarkRead(b *testing.B) {
	all, err := corpora("../..")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range all {
		for _, who := range contestants {
			b.Run(fmt.Sprintf("%s/%s", c.name, who.name), func(b *testing.B) { c.read(b, who.read) })
		}
	}
}
