module haoyuan

go 1.19
