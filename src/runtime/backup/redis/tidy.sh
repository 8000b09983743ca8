tidy
