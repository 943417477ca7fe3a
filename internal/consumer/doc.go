// Package consumer is a program that uses the library as anybody may. Its
// module has another path than the library's, so that nothing internal is
// within its reach; the checks build and test it outside of the checkout too,
// with the library as the module proxy would serve it.
package consumer
