//go:build race

package dsl_test

const raced = true
