"""Checks finished datasets, ours and foreign ones: `check_folders`. Reads only; changes nothing.

finding    the pictures of a folder and the files about them
pictures   one picture, damaged or not, and its figures; duplicate pictures and scenes
problems   damaged, missing and extra files, labels that are wrong or disagree
figures    statistics of a folder, and distances between those of two folders
check      all of it in order
page       an HTML page that shows the labels
"""
