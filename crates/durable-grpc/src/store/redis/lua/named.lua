-- ARGV: ahead, name. Gives the id of the call that the name belongs to.
return redis.call('GET', name_key(ARGV[2]))
