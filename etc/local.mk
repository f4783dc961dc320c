EXTRA_DIST += %D%/config.sample
