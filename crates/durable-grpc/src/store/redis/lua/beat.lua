-- ARGV: ahead, owner, report ('' when only the lease is renewed). Gives the store's time.
redis.call('ZADD', OWNERS, now, ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', HEALTH, ARGV[2], now .. ' ' .. ARGV[3]) end
return now
